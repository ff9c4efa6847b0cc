import { Suspense, lazy, type JSX } from "react";
import { Route, Routes } from "react-router-dom";
import { Empty, Skeleton, To } from "../ui/basics";
import { t } from "../i18n";
import { Frame } from "./Frame";

const Overview = lazy(() => import("../pages/overview/Overview"));
const Runs = lazy(() => import("../pages/runs/Runs"));
const RunPage = lazy(() => import("../pages/run/RunPage"));
const ExecutionPage = lazy(() => import("../pages/execution/ExecutionPage"));
const Lineage = lazy(() => import("../pages/lineage/Lineage"));
const RecordPage = lazy(() => import("../pages/record/RecordPage"));
const Start = lazy(() => import("../pages/start/Start"));
const StartForm = lazy(() => import("../pages/start/StartForm"));
const SearchPage = lazy(() => import("../pages/search/SearchPage"));

/** All pages, below the place at which they are mounted. */
export default function App(): JSX.Element {
  return (
    <Frame>
      <Suspense fallback={<main className="page"><Skeleton rows={8} /></main>}>
        <Routes>
          <Route index element={<Overview />} />
          <Route path="runs" element={<Runs />} />
          <Route path="runs/:dagId/:runId/:tab?" element={<RunPage />} />
          <Route path="executions/:dagId/:runId/:taskId/:mapIndex" element={<ExecutionPage />} />
          <Route path="lineage" element={<Lineage />} />
          <Route path="records/:id" element={<RecordPage />} />
          <Route path="start" element={<Start />} />
          <Route path="start/:dagId" element={<StartForm />} />
          <Route path="search" element={<SearchPage />} />
          <Route path="*" element={<Nowhere />} />
        </Routes>
      </Suspense>
    </Frame>
  );
}

function Nowhere(): JSX.Element {
  return <main className="page"><Empty title={t("There is no such page")}><To path="/">{t("Go to the overview")}</To></Empty></main>;
}
