/** The same as the picture, as a table: for the keyboard, for screen readers, for sorting. */
import type { ColumnDef } from "@tanstack/react-table";
import { useMemo, type JSX } from "react";
import { bytes, duration } from "../../format";
import { t } from "../../i18n";
import { DataTable } from "../../ui/DataTable";
import { State, fromHistory } from "../../ui/state";
import type { Member } from "./model";
import type { Found } from "./useLineage";

export function Twin({ found, selected, onSelect }: { readonly found: Found; readonly selected: string | null; readonly onSelect: (id: string | null) => void }): JSX.Element {
  const rows = useMemo(() => [...found.members].sort((a, b) => a.layer - b.layer), [found]);
  const nodeOf = useMemo(() => new Map(found.picture.nodes.flatMap((node) => node.members.map((member) => [member.id, node.id] as const))), [found]);
  const columns = useMemo((): ColumnDef<Member>[] => [
    { id: "layer", header: t("Steps away"), accessorFn: (each) => each.layer, meta: { width: "100px", numeric: true } },
    { id: "what", header: t("What"), accessorFn: (each) => each.kind, cell: ({ row }) => (row.original.kind === "run" ? t("processing") : t("product")), meta: { width: "100px" } },
    { id: "name", header: t("Name"), accessorFn: (each) => each.label, cell: ({ row }) => (
      <button type="button" className="linklike clip" aria-pressed={nodeOf.get(row.original.id) === selected} onClick={() => onSelect(nodeOf.get(row.original.id) ?? null)}>{row.original.label}</button>
    ), meta: { width: "minmax(220px, 3fr)" } },
    { id: "type", header: t("Type"), accessorFn: (each) => each.type, meta: { width: "minmax(120px, 1fr)" } },
    { id: "state", header: t("State"), accessorFn: (each) => each.state ?? "", cell: ({ row }) => (row.original.state ? <State state={fromHistory(row.original.state)} /> : ""), meta: { width: "110px" } },
    { id: "size", header: t("Size, time"), accessorFn: (each) => each.dataset?.size ?? each.run?.duration_seconds ?? -1, cell: ({ row }) => (row.original.run ? duration(row.original.run.duration_seconds) : bytes(row.original.dataset?.size)), meta: { width: "100px", numeric: true } },
  ], [nodeOf, onSelect, selected]);
  return (
    <section className="twin" aria-label={t("The same as a table")}>
      <DataTable label={t("The same as a table")} rows={rows} columns={columns} idOf={(each) => each.id} onOpen={(each) => onSelect(nodeOf.get(each.id) ?? null)} />
    </section>
  );
}
