/** What a reader chose, kept in this browser: density and colours. */
import { useSyncExternalStore } from "react";

export const DENSITIES = ["comfortable", "compact", "wall"] as const;
export type Density = (typeof DENSITIES)[number];
export type Theme = "light" | "dark";

const DENSITY = "chronos-density";
/** The key under which Airflow's interface keeps its own choice: one choice for both. */
const THEME = "theme";

const listeners = new Set<() => void>();
const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};
const tell = (): void => listeners.forEach((each) => each());

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A browser that keeps nothing shows the default next time.
  }
  tell();
}

export function useDensity(): [Density, (density: Density) => void] {
  const value = useSyncExternalStore(subscribe, () => stored(DENSITY));
  return [DENSITIES.find((each) => each === value) ?? "comfortable", (density) => store(DENSITY, density)];
}

/** The colours of the pages that stand alone; inside Airflow its own switch decides. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  const value = useSyncExternalStore(subscribe, currentTheme);
  return [value, (theme) => {
    store(THEME, theme);
    applyTheme();
  }];
}

function currentTheme(): Theme {
  const chosen = stored(THEME);
  if (chosen === "dark" || chosen === "light") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Put the chosen colours on the document, as Airflow's interface does. */
export function applyTheme(): void {
  const theme = currentTheme();
  document.documentElement.classList.toggle("dark", theme === "dark");
  document.documentElement.classList.toggle("light", theme === "light");
}
