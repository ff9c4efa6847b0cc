/** Messages in the reader's language: English stands in the source, other languages in `catalogue/`. */
import { useSyncExternalStore } from "react";

export const LANGUAGES = ["en", "fr"] as const;
export type Language = (typeof LANGUAGES)[number];
export type Catalogue = Readonly<Record<string, string>>;

const KEY = "chronos-language";
/** The key under which Airflow's interface keeps its own choice. */
const AIRFLOW = "i18nextLng";

let current: Language = "en";
let catalogue: Catalogue = {};
const listeners = new Set<() => void>();

/** The reader's choice here, else in Airflow, else the browser's. */
export function preferred(): Language {
  const asked = [stored(KEY), stored(AIRFLOW), navigator.language].find((each) => each) ?? "en";
  return LANGUAGES.find((each) => asked.toLowerCase().startsWith(each)) ?? "en";
}

/** Load a language's messages; what is drawn after it speaks that language. */
export async function speak(language: Language): Promise<void> {
  catalogue = language === "fr" ? (await import("./catalogue/fr")).FRENCH : {};
  current = language;
  listeners.forEach((tell) => tell());
}

export function choose(language: Language): void {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // A browser that keeps nothing asks again next time.
  }
  void speak(language);
}

export function language(): Language {
  return current;
}

export function useLanguage(): Language {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}

/** A message in the reader's language, `{name}` replaced by the value of that name. */
export function t(message: string, values: Readonly<Record<string, string | number>> = {}): string {
  const text = catalogue[message] ?? message;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
