// The numbers on top. A click chooses what the chart shows.
import * as format from "../state/format";
import { useShared } from "../state/context";
import type { Metric } from "../state/view";
import { t } from "../text";
import type { Counts, Overview } from "../types";

interface Figure { text: string; now: number; before: number | null }

const number = (counts: Counts, metric: Metric): number => {
  switch (metric) {
    case "per_visitor": return counts.visitors ? counts.views / counts.visitors : Number.NaN;
    case "machine": return counts.events ? counts.machine_events / counts.events : Number.NaN;
    default: return counts[metric] ?? Number.NaN;
  }
};

/** One tile's figure. The machine share is that of all classes, also while only some of them are looked at. */
export function figure(overview: Overview, metric: Metric, isFiltered: boolean): Figure {
  const previous = overview.previous;
  if (metric === "machine" && isFiltered) {
    const all = overview.classes.reduce((sum, one) => sum + one.events, 0);
    const machines = all - (overview.classes.find((one) => one.class === "human")?.events ?? 0);
    return { text: format.share(machines, all), now: all ? machines / all : Number.NaN, before: null };
  }
  const text = metric === "per_visitor" ? format.ratio(overview.views, overview.visitors ?? 0)
    : metric === "machine" ? format.share(overview.machine_events, overview.events) : format.short(overview[metric] ?? 0);
  return { text, now: number(overview, metric), before: previous && number(previous, metric) };
}

export function Tiles({ overview }: { overview: Overview | null }) {
  const { view, go, can } = useShared();
  return (
    <div class="tiles" role="group" aria-label={t.chart.over("")}>
      {can.metrics.map((metric) => (
        <button key={metric} type="button" class="tile" aria-pressed={view.metric === metric} title={t.metricHint[metric]} data-metric={metric}
          onClick={() => go({ ...view, metric })}>
          <span class="name">{t.metric[metric]}</span>
          {overview ? <Value figure={figure(overview, metric, view.classes.length > 0)} neutral={metric === "machine"} /> : <span class="value placeholder">0</span>}
        </button>
      ))}
    </div>
  );
}

function Value({ figure, neutral }: { figure: Figure; neutral: boolean }) {
  const change = format.change(figure.now, figure.before);
  const words = !change ? t.change.unknown : change.direction > 0 ? t.change.up : change.direction < 0 ? t.change.down : t.change.same;
  const tone = neutral || !change || !change.direction ? "" : change.direction > 0 ? " up" : " down";
  return (
    <span class="value">
      <b>{figure.text}</b>
      <small class={`change${tone}`} title={words}>
        {change && <><span aria-hidden="true">{change.direction > 0 ? "↑" : change.direction < 0 ? "↓" : ""}</span>{change.text}<span class="unseen"> {words}</span></>}
      </small>
    </span>
  );
}
