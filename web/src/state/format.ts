// Numbers, moments and sizes as people read them.
const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (value: number): string => whole.format(value);

/** Exact while it is short, `12.3K` above: tiles must not jump in width. */
export const short = (value: number): string => (value < 100_000 ? whole.format(value) : compact.format(value));

/** `-` where there is nothing to divide by. */
export function ratio(over: number, under: number): string {
  if (!under) return "–";
  const value = over / under;
  return value.toFixed(value < 10 ? 2 : 1);
}

export function share(part: number, total: number): string {
  if (!total) return "–";
  const percent = (100 * part) / total;
  if (percent > 0 && percent < 0.1) return "<0.1%";
  return `${percent.toFixed(percent < 10 && percent > 0 ? 1 : 0)}%`;
}

export interface Change { text: string; direction: -1 | 0 | 1 }

/** How much `now` differs from `before`, in percent of `before`; null where there was nothing before. */
export function change(now: number, before: number | null | undefined): Change | null {
  if (before === null || before === undefined || !Number.isFinite(before) || !Number.isFinite(now)) return null;
  if (before === 0) return now === 0 ? { text: "0%", direction: 0 } : null;
  const percent = Math.round((100 * (now - before)) / before);
  if (percent > 999) return { text: ">999%", direction: 1 };
  return { text: `${Math.abs(percent)}%`, direction: percent > 0 ? 1 : percent < 0 ? -1 : 0 };
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
export function bytes(value: number): string {
  let unit = 0;
  let left = value;
  while (left >= 1024 && unit < UNITS.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${left.toFixed(unit === 0 || left >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

/** The largest fitting unit, one number: `4 s`, `12 min`, `3 h`, `7 d`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 1) return `${Math.round(Math.max(0, ms))} ms`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minuteFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayFormat = new Intl.DateTimeFormat("en", { weekday: "short", month: "short", day: "numeric" });
const dateFormat = new Intl.DateTimeFormat("en", { month: "short", day: "numeric" });
const fullFormat = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

export const clock = (ms: number): string => clockFormat.format(ms);
/** The time of a moment of today, the day of an earlier one: what fits into a row's first column. */
export function moment(ms: number, now: number): string {
  return ms >= new Date(now).setHours(0, 0, 0, 0) ? clock(ms) : dateFormat.format(ms);
}
export const minute = (ms: number): string => minuteFormat.format(ms);
export const day = (ms: number): string => dayFormat.format(ms);
export const full = (ms: number): string => fullFormat.format(ms);

/** One bucket of a chart by its unit. */
export function bucket(ms: number, unit: string): string {
  return unit === "day" ? day(ms) : `${day(ms)}, ${minute(ms)}`;
}

let regions: Intl.DisplayNames | undefined;
let languages: Intl.DisplayNames | undefined;

function displayName(names: Intl.DisplayNames, code: string): string {
  try {
    return names.of(code) ?? code;
  } catch {
    return code;
  }
}

/** `DE` as `Germany`, what is no code as it is. */
export function country(code: string): string {
  regions ??= new Intl.DisplayNames("en", { type: "region" });
  return /^[A-Z]{2}$/.test(code) ? displayName(regions, code) : code;
}

export function language(tag: string): string {
  languages ??= new Intl.DisplayNames("en", { type: "language" });
  return /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(tag) ? displayName(languages, tag) : tag;
}
