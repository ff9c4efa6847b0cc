/** The CWL graph with live states; the chosen step at its side. What is chosen and unfolded stands in the address. */
import { useMemo, type JSX } from "react";
import { useSearchParams } from "react-router-dom";
import { GraphPicture } from "./GraphPicture";
import { byTask, draw } from "./model";
import type { RunProps } from "./props";
import { StepPanel } from "./StepPanel";

export default function Graph({ run, document, instances }: RunProps): JSX.Element {
  const [query, setQuery] = useSearchParams();
  const unfolded = query.get("open") ?? "";
  const selected = query.get("step");
  const tasks = useMemo(() => byTask(instances), [instances]);
  const drawing = useMemo(
    () => (document ? draw(document, tasks, new Set(unfolded.split(",").filter(Boolean))) : { boxes: [], edges: [] }),
    [document, tasks, unfolded],
  );
  const change = (name: string, value: string | null): void => setQuery((before) => {
    if (value) before.set(name, value);
    else before.delete(name);
    return before;
  }, { replace: true });
  const onFold = (id: string): void => {
    const now = new Set(unfolded.split(",").filter(Boolean));
    if (!now.delete(id)) now.add(id);
    change("open", [...now].join(","));
  };
  const chosen = drawing.boxes.find((box) => box.id === selected);
  return (
    <div className="pane flush">
      <div className="grow"><GraphPicture drawing={drawing} selected={selected} onSelect={(id) => change("step", id)} onFold={onFold} /></div>
      {chosen && <StepPanel key={chosen.id} box={chosen} run={run} graph={document ?? undefined} tasks={tasks} onClose={() => change("step", null)} onFold={onFold} />}
    </div>
  );
}
