/** The pages in the bar, with the key that follows `g`. */
import { t } from "../i18n";

export interface Page {
  readonly path: string;
  readonly name: string;
  readonly key: string;
}

export function pages(): readonly Page[] {
  return [
    { path: "/", name: t("Overview"), key: "o" },
    { path: "/runs", name: t("Runs"), key: "r" },
    { path: "/lineage", name: t("Lineage"), key: "l" },
    { path: "/start", name: t("Start"), key: "n" },
  ];
}
