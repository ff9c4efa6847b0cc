/** Keys that do something on a page; silent while somebody writes in a field. */
import { useEffect, useRef } from "react";

/** Keys by what is pressed: "j", "?", or two in a row: "g o". */
export type Shortcuts = Readonly<Record<string, () => void>>;

const PAUSE = 1000;

export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    let first = "";
    let at = 0;
    const pressed = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
      const pair = Date.now() - at < PAUSE ? `${first} ${event.key}` : "";
      const act = latest.current[pair] ?? latest.current[event.key];
      first = event.key;
      at = Date.now();
      if (!act) return;
      event.preventDefault();
      act();
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
}

function writing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
