// From points to what the chart draws: a solid line for what is over, a dotted one for what is not.
import type { Point } from "../types";
import type { Metric } from "./view";

export function valueOf(point: Point, metric: Metric): number | null {
  switch (metric) {
    case "per_visitor": return point.visitors ? point.views / point.visitors : null;
    case "machine": return point.events ? (100 * point.machine_events) / point.events : null;
    default: return point[metric] ?? null;
  }
}

export interface Curve { times: number[]; solid: (number | null)[]; dotted: (number | null)[] }

/**
 * The dotted line holds the partial points and their neighbours, so that it meets the solid one. Times are in seconds.
 */
export function curve(points: Point[], metric: Metric): Curve {
  const values = points.map((point) => valueOf(point, metric));
  const isPartial = (index: number) => points[index]?.partial === true;
  return {
    times: points.map((point) => point.start_ms / 1000),
    solid: values.map((value, index) => (isPartial(index) ? null : value)),
    dotted: values.map((value, index) => (isPartial(index) || isPartial(index - 1) || isPartial(index + 1) ? value : null)),
  };
}
