// From a view to the query string of a question to /api/v1.
import type { Unit } from "../types";
import type { View } from "./view";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** More points than the server gives are asked in the next coarser unit. */
const POINTS_MAX = 2000;

export interface Span { from: number; to: number | null }

/** Where `n` hours begin of which the last is the one we are in: whole buckets of the chart, in the viewer's zone. */
const hours = (now: number, n: number): number => new Date(now).setMinutes(0, 0, 0) - (n - 1) * HOUR;

/** The range as moments. `to` is null while it ends now: the server's clock says when that is. */
export function span(view: View, now: number): Span {
  switch (view.range) {
    case "30m": return { from: Math.floor(now / MINUTE) * MINUTE - 29 * MINUTE, to: null };
    case "today": return { from: new Date(now).setHours(0, 0, 0, 0), to: null };
    case "7d": return { from: hours(now, 7 * 24), to: null };
    case "custom": return { from: view.from ?? now - DAY, to: view.to };
    default: return { from: hours(now, 24), to: null };
  }
}

/** The units that a chart of this length can have, and the one that suits it. */
export function units(length: number): { possible: Unit[]; best: Unit } {
  const sizes: [Unit, number][] = [["minute", MINUTE], ["hour", HOUR], ["day", DAY]];
  const possible = sizes.filter(([unit, size]) => length / size <= POINTS_MAX - 2 && (unit === "minute" || length > size)).map(([unit]) => unit);
  const best: Unit = length <= 3 * HOUR ? "minute" : length <= 8 * DAY ? "hour" : "day";
  return { possible, best: possible.includes(best) ? best : possible.at(-1) ?? "day" };
}

export function unitOf(view: View, now: number): Unit {
  const { from, to } = span(view, now);
  const { possible, best } = units((to ?? now) - from);
  return view.unit && possible.includes(view.unit) ? view.unit : best;
}

export type Parameters = Record<string, string | number | undefined>;

/** The scope that every question shares, with `more` behind it. */
export function question(view: View, now: number, more: Parameters = {}): string {
  const said = scope(view);
  const { from, to } = span(view, now);
  said.set("from", String(from));
  if (to !== null) said.set("to", String(to));
  for (const [name, value] of Object.entries(more)) if (value !== undefined) said.set(name, String(value));
  return said.toString();
}

export const overviewPath = (view: View, now: number): string => `overview?${question(view, now, { compare: 1 })}`;

/** The scope without a range, as the live feed takes it. */
export function scope(view: View): URLSearchParams {
  const said = new URLSearchParams();
  if (view.site) said.set("site", view.site);
  if (view.classes.length) said.set("class", view.classes.join(","));
  for (const { dimension, value } of view.filters) said.append("filter", `${dimension}:${value}`);
  if (view.link) said.set("link", view.link);
  return said;
}

export const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
