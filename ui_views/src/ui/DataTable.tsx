/** A long list: TanStack's table over its virtualizer. Rows in sight are drawn; `j k x Enter` move, select, open. */
import { flexRender, getCoreRowModel, getSortedRowModel, useReactTable, type ColumnDef, type SortingState } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState, type JSX } from "react";
import { useShortcuts } from "../app/keyboard";
import { t } from "../i18n";

/** How a column is set: `minmax(160px, 2fr)` as in CSS grids, and whether it holds numbers. */
export interface ColumnLook {
  readonly width: string;
  readonly numeric?: boolean;
}

// The library knows what a column carries beside its own by this interface.
declare module "@tanstack/react-table" {
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface ColumnMeta<TData, TValue> extends ColumnLook { readonly note?: string }
}

export interface Selection {
  readonly chosen: ReadonlySet<string>;
  readonly onChange: (chosen: ReadonlySet<string>) => void;
}

export function DataTable<Row>({ label, rows, columns, idOf, onOpen, onEnd, more = false, selection, height }: {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly columns: ColumnDef<Row>[];
  readonly idOf: (row: Row) => string;
  readonly onOpen?: (row: Row) => void;
  /** Called when the last rows come into sight. */
  readonly onEnd?: () => void;
  readonly more?: boolean;
  readonly selection?: Selection;
  readonly height?: number;
}): JSX.Element {
  const [sorting, setSorting] = useState<SortingState>([]);
  const [at, setAt] = useState(-1);
  const scroller = useRef<HTMLDivElement>(null);
  const rowHeight = useRowHeight(scroller, height);
  // eslint-disable-next-line react-hooks/incompatible-library -- its functions change with the data that it is given
  const table = useReactTable({
    data: rows as Row[], columns, getRowId: idOf, state: { sorting }, onSortingChange: setSorting,
    getCoreRowModel: getCoreRowModel(), getSortedRowModel: getSortedRowModel(),
  });
  const model = table.getRowModel().rows;
  const virtual = useVirtualizer({ count: model.length, getScrollElement: () => scroller.current, estimateSize: () => rowHeight, overscan: 10 });
  useEffect(() => virtual.measure(), [rowHeight, virtual]);

  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (more && last >= model.length - 20) onEnd?.();
  }, [last, model.length, more, onEnd]);

  const move = (by: number): void => {
    const next = Math.max(0, Math.min(model.length - 1, at + by));
    setAt(next);
    virtual.scrollToIndex(next);
  };
  const current = model[at];
  useShortcuts({
    j: () => move(1), k: () => move(-1),
    Enter: () => current && onOpen?.(current.original),
    x: () => current && toggle(selection, current.id),
  });

  const template = [...(selection ? ["34px"] : []), ...table.getAllLeafColumns().map((column) => column.columnDef.meta?.width ?? "minmax(90px, 1fr)")].join(" ");
  return (
    <div className="datatable" ref={scroller} role="table" aria-label={label} aria-rowcount={more ? -1 : model.length + 1} tabIndex={0}>
      <div className="dt-head" role="row" style={{ gridTemplateColumns: template }}>
        {selection && <span role="columnheader"><span className="visually-hidden">selected</span></span>}
        {table.getFlatHeaders().map((header) => {
          const sorted = header.column.getIsSorted();
          return (
            <span key={header.id} role="columnheader" className={header.column.columnDef.meta?.numeric ? "num" : ""}
              aria-sort={sorted === "asc" ? "ascending" : sorted === "desc" ? "descending" : "none"}>
              {header.column.getCanSort()
                ? <button type="button" onClick={header.column.getToggleSortingHandler()}>
                  {flexRender(header.column.columnDef.header, header.getContext())}{sorted === "asc" ? " ↑" : sorted === "desc" ? " ↓" : ""}
                </button>
                : flexRender(header.column.columnDef.header, header.getContext())}
            </span>
          );
        })}
      </div>
      <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {items.map((item) => {
          const row = model[item.index];
          if (!row) return null;
          return (
            <div key={row.id} role="row" aria-rowindex={item.index + 2} className="dt-row" data-current={item.index === at} data-chosen={selection?.chosen.has(row.id)}
              style={{ top: item.start, height: rowHeight, gridTemplateColumns: template }}>
              {selection && (
                <span role="cell"><input type="checkbox" aria-label={`Select ${row.id}`} checked={selection.chosen.has(row.id)} onChange={() => toggle(selection, row.id)} /></span>
              )}
              {row.getVisibleCells().map((cell) => (
                <span key={cell.id} role="cell" className={`clip ${cell.column.columnDef.meta?.numeric ? "num" : ""}`}>
                  {flexRender(cell.column.columnDef.cell, cell.getContext())}
                </span>
              ))}
            </div>
          );
        })}
      </div>
      {more && <div className="small muted" style={{ padding: 10 }} role="row"><span role="cell">{t("reading…")}</span></div>}
    </div>
  );
}

function toggle(selection: Selection | undefined, id: string): void {
  if (!selection) return;
  const next = new Set(selection.chosen);
  if (!next.delete(id)) next.add(id);
  selection.onChange(next);
}

/** The height of a row at the chosen density: the style sheet knows it. */
function useRowHeight(scroller: React.RefObject<HTMLDivElement | null>, given: number | undefined): number {
  const [height, setHeight] = useState(given ?? 34);
  useEffect(() => {
    const element = scroller.current;
    if (!element || given) return;
    const read = (): void => setHeight(Number.parseInt(getComputedStyle(element).getPropertyValue("--row"), 10) || 34);
    read();
    const pages = element.closest(".chronos");
    const watcher = new MutationObserver(read);
    if (pages) watcher.observe(pages, { attributes: true, attributeFilter: ["data-density"] });
    return () => watcher.disconnect();
  }, [scroller, given]);
  return height;
}
