/** The part of the history around a beginning, and what was asked for beyond it. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { chronos, type Lineage } from "../../api/chronos";
import { datasetId, joined, members, picture, runId, type LineagePicture, type Member } from "./model";

export const DIRECTIONS = ["both", "upstream", "downstream"] as const;
export type Direction = (typeof DIRECTIONS)[number];
export const DEPTHS = [1, 2, 3, 5, 10, 20] as const;
const LIMIT = 2000;

export interface Question {
  readonly datasets: readonly number[];
  readonly run: string | null;
  readonly direction: Direction;
  readonly depth: number;
  /** Datasets from which the history is followed one run further. */
  readonly more: readonly number[];
  readonly unfolded: readonly string[];
}

export function readQuestion(address: URLSearchParams): Question {
  const depth = Number(address.get("depth") ?? 2);
  return {
    datasets: address.getAll("dataset").map(Number).filter((id) => Number.isSafeInteger(id) && id > 0),
    run: address.get("run"),
    direction: DIRECTIONS.find((each) => each === address.get("direction")) ?? "both",
    depth: DEPTHS.find((each) => each === depth) ?? 2,
    more: (address.get("more") ?? "").split(",").map(Number).filter((id) => id > 0),
    unfolded: address.getAll("unfold"),
  };
}

export interface Found {
  readonly lineage: Lineage;
  readonly members: readonly Member[];
  readonly starts: ReadonlySet<string>;
  readonly picture: LineagePicture;
}

export function useLineage(question: Question): { found: Found | null; error: Error | null; retry: () => void; asking: boolean } {
  const { datasets, run, direction, depth, more, unfolded } = question;
  const first = useQuery({
    queryKey: ["lineage", datasets, run, direction, depth],
    queryFn: () => chronos.lineage({ dataset: datasets.map(String), run: run ?? undefined, direction, depth, limit: LIMIT }),
    enabled: datasets.length > 0 || run !== null, staleTime: 60_000, placeholderData: (before) => before,
  });
  const further = useQueries({
    queries: more.map((id) => ({
      queryKey: ["lineage", [id], null, direction, 1],
      queryFn: () => chronos.lineage({ dataset: [String(id)], direction, depth: 1, limit: LIMIT }),
      staleTime: 60_000,
    })),
    combine: (results) => ({ parts: results.flatMap((each) => (each.data ? [each.data] : [])), pending: results.some((each) => each.isPending), error: results.find((each) => each.error)?.error ?? null }),
  });
  const found = useMemo((): Found | null => {
    if (!first.data) return null;
    const lineage = joined([first.data, ...further.parts], new Set(more));
    const beginning = run ? [runId(run)] : datasets.map(datasetId);
    const all = members(lineage, beginning);
    const starts = new Set(beginning);
    return { lineage, members: all, starts, picture: picture(lineage, all, starts, new Set(unfolded)) };
  }, [first.data, further.parts, more, datasets, run, unfolded]);
  return { found, error: first.error ?? further.error, retry: () => void first.refetch(), asking: first.isFetching || further.pending };
}
