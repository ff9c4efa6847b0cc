import { useEffect, useRef, type JSX } from "react";
import { t } from "../i18n";
import { pages } from "./pages";

export function Help({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const keys = [
    ["/", t("find a product, a run, a workflow")],
    ...pages().map((page) => [`g ${page.key}`, t("go to {page}", { page: page.name })] as const),
    ["j  k", t("next, previous row")],
    ["x", t("select the row")],
    ["Enter", t("open the row")],
    ["w", t("wall: large, without this bar; again to leave it")],
    ["?", t("this list")],
  ] as const;
  return (
    <dialog ref={dialog} onClose={onClose} aria-label={t("Keyboard shortcuts")}>
      <h2>{t("Keyboard shortcuts")}</h2>
      <dl className="defs" style={{ margin: "14px 0" }}>
        {keys.map(([pressed, what]) => [
          <dt key={`${pressed}k`}>{pressed.split(/\s+/).map((key) => <kbd key={key} style={{ marginRight: 4 }}>{key}</kbd>)}</dt>,
          <dd key={`${pressed}w`}>{what}</dd>,
        ])}
      </dl>
      <form method="dialog"><button className="button">{t("Close")}</button></form>
    </dialog>
  );
}
