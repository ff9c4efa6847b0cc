/** Who ran when: a row for each task instance, queue and execution on one scale; only the rows in sight are drawn. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState, type JSX } from "react";
import type { TaskInstance } from "../../api/airflow";
import { isOver } from "../../api/instances";
import { duration } from "../../format";
import { executionPath } from "../../host";
import { Empty, To, useNow } from "../../ui/basics";
import { StateMark, look } from "../../ui/state";
import type { RunProps } from "./props";
import { bars, ticks, type Bar } from "./timeline";

const ROW = 26;
const NAME = 260;

export default function Timeline({ run, instances }: RunProps): JSX.Element {
  const over = isOver(run);
  const now = useNow(2000, !over);
  const [byStep, setByStep] = useState(false);
  const scroller = useRef<HTMLDivElement>(null);
  const drawn = useMemo(() => bars(instances, run, now, byStep), [instances, run, now, byStep]);
  // eslint-disable-next-line react-hooks/incompatible-library -- the virtualizer's own state is what changes
  const rows = useVirtualizer({ count: drawn.rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 12 });
  if (drawn.rows.length === 0) return <div className="pane"><Empty title="Nothing has started yet">Tasks appear here once they are queued.</Empty></div>;
  return (
    <div className="pane" style={{ padding: 0, display: "flex", flexDirection: "column", overflow: "hidden" }}>
      <div className="row small" style={{ padding: "8px 18px", gap: 18 }}>
        <span>{drawn.rows.length} task instances over {duration(drawn.span)}</span>
        <label className="row"><input type="checkbox" checked={byStep} onChange={(event) => setByStep(event.target.checked)} />by step</label>
        <span className="right row" aria-hidden="true"><i className="key wait" /> waiting <i className="key run" /> running</span>
      </div>
      <div ref={scroller} className="timeline" tabIndex={0} role="region" aria-label="Timeline">
        <div className="axis" style={{ marginLeft: NAME }} aria-hidden="true">
          {ticks(drawn.span).map((tick) => <span key={tick} style={{ left: `${(tick / drawn.span) * 100}%` }}>{duration(tick)}</span>)}
        </div>
        <div style={{ height: rows.getTotalSize(), position: "relative" }}>
          {rows.getVirtualItems().map((item) => {
            const bar = drawn.rows[item.index];
            return bar && <Row key={item.key} bar={bar} span={drawn.span} top={item.start} />;
          })}
        </div>
      </div>
    </div>
  );
}

function Row({ bar, span, top }: { readonly bar: Bar; readonly span: number; readonly top: number }): JSX.Element {
  const share = (value: number): string => `${(value / span) * 100}%`;
  const words = `${bar.name}: ${look(bar.instance.state).word}, waited ${duration(bar.start - bar.queued)}, ran ${duration(bar.end - bar.start)}`;
  return (
    <div className="lane" style={{ top, height: ROW }} title={words}>
      <span className="row" style={{ width: NAME, flex: "none", paddingLeft: 18 }}>
        <StateMark state={bar.instance.state} /><To className="clip grow" path={pathOf(bar.instance)}>{bar.name}</To>
      </span>
      <span className="track" role="img" aria-label={words}>
        <i className="wait" style={{ left: share(bar.queued), width: share(bar.start - bar.queued) }} />
        <i className="run" data-tone={look(bar.instance.state).tone} style={{ left: share(bar.start), width: share(bar.end - bar.start) }} />
      </span>
    </div>
  );
}

function pathOf(each: TaskInstance): string {
  return executionPath(each.dag_id, each.dag_run_id, each.task_id, each.map_index);
}
