// What the viewer looks at, as the address bar says it: place, range, filters, classes, metric. Pure: text in, text out.
import { DIMENSIONS, type Dimension, type Unit } from "../types";

export const PLACES = ["/", "/pipeline", "/inspector", "/setup", "/access"] as const;
export type Place = (typeof PLACES)[number];

export const RANGES = ["30m", "today", "24h", "7d", "custom"] as const;
export type Range = (typeof RANGES)[number];

export const METRICS = ["views", "visitors", "per_visitor", "events", "machine"] as const;
export type Metric = (typeof METRICS)[number];

export interface Filter { dimension: Dimension; value: string }

export interface View {
  place: Place;
  site: string;
  range: Range;
  /** Of a custom range, in milliseconds. */
  from: number | null;
  to: number | null;
  /** Chosen by the viewer; null: what suits the range. */
  unit: Unit | null;
  metric: Metric;
  /** Empty: every class. */
  classes: string[];
  filters: Filter[];
  wall: boolean;
  /** The key of a public link, kept through all navigation. */
  link: string;
}

export const START: View = {
  place: "/", site: "", range: "24h", from: null, to: null, unit: null, metric: "views", classes: [], filters: [], wall: false, link: "",
};

/** As many filters as a person sets; more come only from a broken link. */
const FILTERS_MAX = 50;
const UNITS: readonly string[] = ["minute", "hour", "day"];

function oneOf<T extends string>(all: readonly T[], text: string | null, otherwise: T): T {
  return all.find((one) => one === text) ?? otherwise;
}

function moment(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Reads an address. What it does not understand is left out, never an error: people edit addresses. */
export function read(path: string, search: string): View {
  const asked = new URLSearchParams(search);
  const from = moment(asked.get("from"));
  const to = moment(asked.get("to"));
  const isCustom = from !== null && (to === null || to > from);
  const unit = asked.get("unit");
  const filters = asked.getAll("filter").flatMap(readFilter).slice(0, FILTERS_MAX);
  // Classes have a place of their own; a filter that names one means the same.
  const classes = [...(asked.get("class") ?? "").split(","), ...filters.filter((one) => one.dimension === "class").map((one) => one.value)];
  return {
    place: oneOf(PLACES, path.length > 1 ? path.replace(/\/+$/, "") : path, "/"),
    site: asked.get("site") ?? "",
    range: isCustom ? "custom" : oneOf(RANGES.slice(0, -1), asked.get("range"), START.range),
    from: isCustom ? from : null,
    to: isCustom ? to : null,
    unit: UNITS.includes(unit ?? "") ? (unit as Unit) : null,
    metric: oneOf(METRICS, asked.get("metric"), START.metric),
    classes: [...new Set(classes)].filter((one) => /^[a-z_]{1,32}$/.test(one)),
    filters: filters.filter((one) => one.dimension !== "class"),
    wall: asked.get("wall") === "1",
    link: asked.get("link") ?? "",
  };
}

function readFilter(text: string): Filter[] {
  const colon = text.indexOf(":");
  const dimension = DIMENSIONS.find((one) => one === text.slice(0, colon));
  if (colon < 1 || !dimension || dimension === "entry" || dimension === "exit") return [];
  return [{ dimension, value: text.slice(colon + 1) }];
}

/** Writes the address of a view; defaults are left out, so that shared links are short. */
export function write(view: View): string {
  const said = new URLSearchParams();
  if (view.site) said.set("site", view.site);
  if (view.range === "custom") {
    if (view.from !== null) said.set("from", String(view.from));
    if (view.to !== null) said.set("to", String(view.to));
  } else if (view.range !== START.range) said.set("range", view.range);
  if (view.unit) said.set("unit", view.unit);
  if (view.metric !== START.metric) said.set("metric", view.metric);
  if (view.classes.length) said.set("class", view.classes.join(","));
  for (const { dimension, value } of view.filters) said.append("filter", `${dimension}:${value}`);
  if (view.wall) said.set("wall", "1");
  if (view.link) said.set("link", view.link);
  const text = said.toString();
  return text ? `${view.place}?${text}` : view.place;
}

export function hasFilter(view: View, filter: Filter): boolean {
  return view.filters.some((one) => one.dimension === filter.dimension && one.value === filter.value);
}

/** Adds the filter, or takes it away if it is there. The site is no filter of its own: there is one picker for it. */
export function toggleFilter(view: View, filter: Filter): View {
  if (filter.dimension === "site" && filter.value) {
    return { ...view, site: view.site === filter.value ? "" : filter.value };
  }
  if (filter.dimension === "class" && filter.value) return toggleClass(view, filter.value);
  const others = view.filters.filter((one) => one.dimension !== filter.dimension || one.value !== filter.value);
  const filters = others.length < view.filters.length ? others : [...others, filter].slice(-FILTERS_MAX);
  return { ...view, filters };
}

export function toggleClass(view: View, name: string): View {
  const others = view.classes.filter((one) => one !== name);
  return { ...view, classes: others.length < view.classes.length ? others : [...others, name] };
}
