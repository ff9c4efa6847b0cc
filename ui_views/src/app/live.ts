/** How pages stay current: polling that slows down when nothing changes hands or the server is away. */
import { QueryCache, QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { ApiError } from "../api/http";

export interface Liveness {
  /** Milliseconds of the last good answer; 0: none yet. */
  readonly last: number;
  /** Failures in a row. */
  readonly failures: number;
}

let liveness: Liveness = { last: 0, failures: 0 };
const listeners = new Set<() => void>();

function note(next: Liveness): void {
  liveness = next;
  listeners.forEach((tell) => tell());
}

export const client = new QueryClient({
  queryCache: new QueryCache({
    onSuccess: () => note({ last: Date.now(), failures: 0 }),
    onError: (error) => {
      if (!(error instanceof ApiError) || error.status === 0 || error.status >= 500) {
        note({ ...liveness, failures: liveness.failures + 1 });
      }
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      gcTime: 10 * 60_000,
      refetchOnWindowFocus: true,
      // What is refused stays refused; the poll asks again for what was away.
      retry: (count, error) => count < 1 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
    },
  },
});

/** Interval for a query that must stay current: `seconds`, doubled with each failure up to a minute. */
export function every(seconds: number): () => number {
  return () => Math.min(60_000, seconds * 1000 * 2 ** Math.min(liveness.failures, 5));
}

export function useLiveness(): Liveness {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => liveness,
  );
}
