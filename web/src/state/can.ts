// What can be shown, as /api/v1/capabilities says it: everything else is left out, not shown empty.
import { type Capabilities, DIMENSIONS, type Dimension } from "../types";
import { METRICS, type Metric, PLACES, type Place, type View } from "./view";

/** Which of a dashboard's parts are there. */
export interface Can {
  feed: boolean;
  places: readonly Place[];
  metrics: readonly Metric[];
  visitors: boolean;
  properties: boolean;
  /** Rankings are over whole steps of so many milliseconds. */
  topStep: number;
  ranks(dimension: Dimension): boolean;
  filters(dimension: Dimension): boolean;
}

/** While the live view is off its parts stay, and say that it is off. */
export function canOf({ view, feed, pipeline, inspector }: Capabilities): Can {
  const dimensions = new Set<string>(view?.dimensions ?? DIMENSIONS);
  const filters = new Set<string>(view?.filters ?? DIMENSIONS);
  const visitors = view?.visitors ?? true;
  return {
    feed, visitors, properties: view?.properties ?? true, topStep: view?.top_step_ms ?? 1,
    places: PLACES.filter((place) => (place === "/pipeline" ? pipeline : place === "/inspector" ? inspector : true)),
    metrics: METRICS.filter((metric) => visitors || (metric !== "visitors" && metric !== "per_visitor")),
    ranks: (dimension) => dimensions.has(dimension),
    filters: (dimension) => filters.has(dimension),
  };
}

/** The view with what cannot be shown left out: people open links from other servers. */
export function fit(view: View, can: Can): View {
  return {
    ...view,
    place: can.places.includes(view.place) ? view.place : "/",
    metric: can.metrics.includes(view.metric) ? view.metric : "views",
    filters: view.filters.every((one) => can.filters(one.dimension)) ? view.filters : view.filters.filter((one) => can.filters(one.dimension)),
  };
}
