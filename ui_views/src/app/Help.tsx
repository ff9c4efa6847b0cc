import { useEffect, useRef, type JSX } from "react";
import { PAGES } from "./pages";

const KEYS = [
  ["/", "find a product"],
  ...PAGES.map((page) => [`g ${page.key}`, `go to ${page.name}`] as const),
  ["j  k", "next, previous row"],
  ["x", "select the row"],
  ["Enter", "open the row"],
  ["?", "this list"],
] as const;

export function Help({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={onClose} aria-label="Keyboard shortcuts">
      <h2>Keyboard shortcuts</h2>
      <dl className="defs" style={{ margin: "14px 0" }}>
        {KEYS.map(([keys, what]) => [
          <dt key={`${keys}k`}>{keys.split(/\s+/).map((key) => <kbd key={key} style={{ marginRight: 4 }}>{key}</kbd>)}</dt>,
          <dd key={`${keys}w`}>{what}</dd>,
        ])}
      </dl>
      <form method="dialog"><button className="button">Close</button></form>
    </dialog>
  );
}
