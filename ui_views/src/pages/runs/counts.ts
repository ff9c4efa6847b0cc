/** How many runs fit, and words for it. */
import { useQuery } from "@tanstack/react-query";
import { chronos } from "../../api/chronos";
import { every } from "../../app/live";
import { t } from "../../i18n";
import { toApi, type Asked, type PERIODS } from "./query";

export interface Setting {
  readonly asked: Asked;
  readonly set: (changes: Readonly<Record<string, string | null>>) => void;
}

/** Counts by facet for what is asked; of ended runs. */
export function useCounts(asked: Asked) {
  return useQuery({
    queryKey: ["facets", asked],
    queryFn: async ({ signal }) => (await chronos.facets(toApi(asked, Date.now()), signal)).counts,
    refetchInterval: every(20),
    placeholderData: (before) => before,
  });
}

export function periodName(period: keyof typeof PERIODS): string {
  return { "1h": t("last hour"), "24h": t("last 24 hours"), "7d": t("last 7 days"), "30d": t("last 30 days"), "365d": t("last year") }[period];
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
}
