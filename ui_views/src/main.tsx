/** The bundle's entry: gives Airflow one component for each place in which it shows the pages. */
import "@xyflow/react/dist/style.css";
import "./style.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { Suspense, lazy, type ComponentType, type JSX, type ReactNode } from "react";
import { client } from "./app/live";
import { useDensity } from "./app/preferences";
import { root, type HostProps } from "./host";
import { preferred, speak, useLanguage } from "./i18n";
import { Skeleton } from "./ui/basics";
import { ErrorBoundary } from "./ui/ErrorBoundary";

const App = lazy(() => import("./app/App"));
const RunTab = lazy(() => import("./pages/run/RunPage").then((m) => ({ default: m.RunTab })));
const WorkflowTab = lazy(() => import("./pages/workflow/WorkflowTab"));
const ExecutionTab = lazy(() => import("./pages/execution/ExecutionPage").then((m) => ({ default: m.ExecutionTab })));
const Now = lazy(() => import("./pages/overview/Now"));

let styled: Promise<void> | null = null;

/** Load the style sheet once; the page waits for it, so that nothing jumps. */
function style(): Promise<void> {
  const known = document.querySelector<HTMLLinkElement>('link[href*="/chronos/ui/assets/"][rel="stylesheet"]');
  if (known) return Promise.resolve();
  styled ??= new Promise((resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    // Its name stands in the entry's address: both are told by the build.
    const name = new URL(import.meta.url).searchParams.get("style");
    link.href = `${root}chronos/ui/assets/${name ?? "main.css"}`;
    link.onload = link.onerror = () => resolve();
    document.head.append(link);
  });
  return styled;
}

const Styled = lazy(async () => {
  await Promise.all([style(), speak(preferred())]);
  return { default: ({ children }: { readonly children: ReactNode }) => children };
});

function Shell({ children }: { readonly children: ReactNode }): JSX.Element {
  const [density] = useDensity();
  const language = useLanguage();
  return (
    <Suspense fallback={null}>
      <Styled>
        <div className="chronos" lang={language} data-density={density} key={language}>
          <ErrorBoundary>
            <QueryClientProvider client={client}>
              <Suspense fallback={<div className="page"><Skeleton /></div>}>{children}</Suspense>
            </QueryClientProvider>
          </ErrorBoundary>
        </div>
      </Styled>
    </Suspense>
  );
}

/** The names under which Airflow looks for components; the server registers the same ones (mount.py). */
const PLACES: Readonly<Record<string, ComponentType<HostProps>>> = {
  CHRONOS: () => <Shell><App /></Shell>,
  "CWL workflow": (props) => <Shell><WorkflowTab {...props} /></Shell>,
  "CWL run": (props) => <Shell><RunTab {...props} /></Shell>,
  Execution: (props) => <Shell><ExecutionTab {...props} /></Shell>,
  "CHRONOS now": () => <Shell><Now /></Shell>,
};

Object.assign(globalThis, PLACES);
