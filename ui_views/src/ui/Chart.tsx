/** Bars and lines over time, in the colours of the page, with the same numbers as a table. */
import { BarController, BarElement, CategoryScale, Chart as Drawing, LineController, LineElement, LinearScale, PointElement, Tooltip, type ChartDataset } from "chart.js";
import { useEffect, useRef, type JSX } from "react";
import { count } from "../format";
import { t } from "../i18n";

Drawing.register(BarController, BarElement, CategoryScale, LineController, LineElement, LinearScale, PointElement, Tooltip);

export interface Series {
  readonly name: string;
  readonly values: readonly number[];
  readonly kind: "bar" | "line";
  /** Name of a colour of the style sheet, without its dashes. */
  readonly colour: string;
}

export function Chart({ title, labels, series, height = 190, words = count, onChoose }: {
  readonly title: string; readonly labels: readonly string[]; readonly series: readonly Series[]; readonly height?: number;
  readonly words?: (value: number) => string;
  /** Called with the index of what was clicked. */
  readonly onChoose?: (index: number) => void;
}): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const signature = JSON.stringify([labels, series]);
  const choose = useRef(onChoose);
  useEffect(() => {
    choose.current = onChoose;
  });
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const [names, lines] = JSON.parse(signature) as [string[], Series[]];
    let drawn = draw(element, names, lines, words, (index) => choose.current?.(index));
    // Its colours are read when it is drawn.
    const watcher = new MutationObserver(() => {
      drawn.destroy();
      drawn = draw(element, names, lines, words, (index) => choose.current?.(index));
    });
    watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
    return () => {
      watcher.disconnect();
      drawn.destroy();
    };
  }, [signature, words]);
  return (
    <figure className="chart">
      <div style={{ height }}><canvas ref={canvas} role="img" aria-label={title} /></div>
      <figcaption className="row wrap small muted">
        {series.map((each) => <span key={each.name} className="row"><i className="key" style={{ background: `var(--${each.colour})` }} />{each.name}</span>)}
      </figcaption>
      <details className="small"><summary>{t("As a table")}</summary>
        <div style={{ maxHeight: 260, overflow: "auto" }} tabIndex={0} role="region" aria-label={title}>
          <table className="table">
            <thead><tr><th>{t("Period")}</th>{series.map((each) => <th key={each.name} className="num">{each.name}</th>)}</tr></thead>
            <tbody>{labels.map((label, index) => (
              <tr key={label}><td>{label}</td>{series.map((each) => <td key={each.name} className="num">{words(each.values[index] ?? 0)}</td>)}</tr>
            ))}</tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

function draw(canvas: HTMLCanvasElement, labels: string[], series: readonly Series[], words: (value: number) => string, choose: (index: number) => void): Drawing {
  const style = getComputedStyle(canvas);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const datasets = series.map((each): ChartDataset<"bar" | "line", number[]> => ({
    type: each.kind, label: each.name, data: [...each.values], backgroundColor: colour(each.colour), borderColor: colour(each.colour),
    ...(each.kind === "line" ? { borderWidth: 1.5, pointRadius: 0, tension: 0.25, borderDash: [4, 3] } : { borderRadius: 2, maxBarThickness: 28 }),
    stack: each.kind,
  }));
  const muted = colour("fg-muted");
  return new Drawing<"bar" | "line", number[]>(canvas, {
    type: "bar", data: { labels, datasets },
    options: {
      animation: false, responsive: true, maintainAspectRatio: false, interaction: { mode: "index", intersect: false },
      onClick: (_, items) => items[0] && choose(items[0].index),
      plugins: { tooltip: { callbacks: { label: (item) => `${item.dataset.label ?? ""}: ${words(item.parsed.y ?? 0)}` } } },
      scales: {
        x: { stacked: true, grid: { display: false }, border: { color: colour("line-strong") }, ticks: { color: muted, maxRotation: 0, autoSkipPadding: 12 } },
        y: { stacked: true, beginAtZero: true, grid: { color: colour("line") }, border: { display: false }, ticks: { color: muted, maxTicksLimit: 5, precision: 0, callback: (value) => words(Number(value)) } },
      },
    },
  });
}
