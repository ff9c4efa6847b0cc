/** The pages in the bar, with the key that follows `g`. */
export const PAGES = [
  { path: "/", name: "Overview", key: "o" },
  { path: "/runs", name: "Runs", key: "r" },
  { path: "/lineage", name: "Lineage", key: "l" },
  { path: "/activity", name: "Activity", key: "t" },
  { path: "/status", name: "Status", key: "s" },
  { path: "/start", name: "Start", key: "n" },
] as const;
