// Views over time, by uPlot, and the same numbers as a table. uPlot draws on a canvas and sets styles through the CSSOM,
// which a strict Content-Security-Policy permits.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import * as format from "../state/format";
import { curve, valueOf } from "../state/curve";
import { useShared } from "../state/context";
import type { Metric } from "../state/view";
import { t } from "../text";
import type { Point, Series } from "../types";

const axisFormat = {
  minute: new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
  day: new Intl.DateTimeFormat("en", { month: "short", day: "numeric" }),
};

export function metricText(value: number | null, metric: Metric): string {
  if (value === null) return "–";
  if (metric === "machine") return format.share(value, 100);
  return metric === "per_visitor" ? format.ratio(value, 1) : format.count(value);
}

/** Midnights are named by their day, everything else by its time. */
function tick(seconds: number): string {
  const at = new Date(seconds * 1000);
  return at.getHours() || at.getMinutes() ? axisFormat.minute.format(at) : axisFormat.day.format(at);
}

interface Look { accent: string; fill: string; grid: string; text: string; font: string }

function look(element: Element): Look {
  const style = getComputedStyle(element);
  const of = (name: string) => style.getPropertyValue(name).trim();
  return { accent: of("--accent"), fill: of("--accent-fill"), grid: of("--grid"), text: of("--quiet"), font: `11px ${style.fontFamily}` };
}

function options(size: { width: number; height: number }, colours: Look, series: Series, metric: Metric, tip: HTMLElement): uPlot.Options {
  const short = (value: number) => (metric === "machine" ? `${value}%` : format.short(value));
  return {
    ...size, legend: { show: false }, padding: [12, 20, 0, 0],
    cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { size: 7 } },
    scales: { y: { range: (_, __, max) => [0, metric === "machine" ? 100 : Math.max(max * 1.1, metric === "per_visitor" ? 1 : 4)] } },
    axes: [
      { stroke: colours.text, font: colours.font, grid: { show: false }, ticks: { show: false }, size: 26, space: 64,
        values: (_, splits) => splits.map((value) => (series.unit === "day" ? axisFormat.day.format(value * 1000) : tick(value))) },
      { stroke: colours.text, font: colours.font, grid: { stroke: colours.grid, width: 1 }, ticks: { show: false }, size: 52, space: 44,
        incrs: metric === "per_visitor" ? [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100] : [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 1e8, 1e9],
        values: (_, splits) => splits.map(short) },
    ],
    series: [
      {},
      { stroke: colours.accent, width: 2, fill: colours.fill, points: { show: series.points.length < 3 } },
      { stroke: colours.accent, width: 2, dash: [2, 4], points: { show: series.points.length < 3 } },
    ],
    hooks: { setCursor: [(plot) => point(plot, series, metric, tip)] },
  };
}

/** Moves the readout to the bucket under the pointer. */
function point(plot: uPlot, series: Series, metric: Metric, tip: HTMLElement): void {
  const index = plot.cursor.idx;
  const found = index === null || index === undefined ? undefined : series.points[index];
  tip.hidden = !found;
  if (!found) return;
  const [label, value] = tip.children;
  if (label) label.textContent = format.bucket(found.start_ms, series.unit) + (found.partial ? ` (${t.chart.unfinished})` : "");
  if (value) value.textContent = `${metricText(valueOf(found, metric), metric)} ${t.metric[metric].toLowerCase()}`;
  const left = plot.valToPos(found.start_ms / 1000, "x") + plot.bbox.left / devicePixelRatio;
  const room = plot.width - tip.offsetWidth - 8;
  tip.style.transform = `translateX(${Math.max(8, Math.min(left + 12, room))}px)`;
}

/** Without a height it fills its parent. */
export function Chart({ series, metric, height }: { series: Series; metric: Metric; height?: number }) {
  const box = useRef<HTMLDivElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const [element, readout] = [box.current, tip.current];
    if (!element || !readout) return;
    const { times, solid, dotted } = curve(series.points, metric);
    let plot: uPlot | undefined;
    const size = () => ({ width: element.clientWidth, height: height ?? element.clientHeight });
    const draw = () => {
      plot?.destroy();
      plot = new uPlot(options(size(), look(element), series, metric, readout), [times, solid, dotted], element);
    };
    draw();
    const resized = new ResizeObserver(() => plot?.setSize(size()));
    resized.observe(element);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", draw);
    addEventListener("onepixel-theme", draw);
    return () => {
      resized.disconnect();
      dark.removeEventListener("change", draw);
      removeEventListener("onepixel-theme", draw);
      readout.hidden = true;
      plot?.destroy();
    };
  }, [series, metric, height]);
  return (
    <div class="plot" role="img" aria-label={t.chart.summary(t.metric[metric], series.points.length)}>
      <div ref={box} />
      <div ref={tip} class="readout" hidden aria-hidden="true"><span /><b /></div>
    </div>
  );
}

/** The table twin: the same points, newest first. */
export function ChartTable({ series }: { series: Series }) {
  const { can } = useShared();
  const people = can.visitors ? [t.columns.visitors, t.metric.per_visitor] : [];
  const row = (one: Point) => (
    <tr key={one.start_ms}>
      <th scope="row">{format.bucket(one.start_ms, series.unit)}{one.partial && <span class="quiet" title={t.chart.unfinished}> …</span>}</th>
      <td>{format.count(one.views)}</td>{can.visitors && <><td>{format.count(one.visitors ?? 0)}</td><td>{format.ratio(one.views, one.visitors ?? 0)}</td></>}
      <td>{format.count(one.events)}</td><td>{format.share(one.machine_events, one.events)}</td>
    </tr>
  );
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t.chart.table}>
      <table>
        <thead>
          <tr><th scope="col">{t.columns.time}</th>
            {[t.columns.views, ...people, t.columns.events, t.columns.share].map((name) => <th key={name} scope="col">{name}</th>)}</tr>
        </thead>
        <tbody>{[...series.points].reverse().map(row)}</tbody>
      </table>
    </div>
  );
}
