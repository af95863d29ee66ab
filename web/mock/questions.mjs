// The questions of /api/v1, answered by counting over an array. Slow and obvious on purpose.

const FIELDS = {
  page: "page_path", host: "page_host", title: "title", referrer: "referrer_host", group: "referrer_group", source: "utm_source", medium: "utm_medium",
  campaign: "utm_campaign", term: "utm_term", content: "utm_content", browser: "browser", os: "os", device: "device", country: "country",
  language: "language", event: "event", site: "site", class: "class",
};
export const atOf = (event) => Date.parse(event.received_at);

export class Wrong extends Error {}

export function limitOf(asked, otherwise, most) {
  const limit = Number(asked.get("limit") ?? otherwise);
  if (!(limit >= 1 && limit <= most)) throw new Wrong(`limit: give a number from 1 to ${most}`);
  return limit;
}

/** The scope of a question as a predicate, without its classes where `ignoreClass` says so. */
export function scopeOf(asked, { ignoreClass = false } = {}) {
  const site = asked.get("site");
  const classes = ignoreClass ? [] : (asked.get("class") ?? "").split(",").filter(Boolean);
  const filters = new Map();
  for (const text of asked.getAll("filter")) {
    const colon = text.indexOf(":");
    const field = FIELDS[text.slice(0, colon)];
    if (!field) throw new Wrong(`filter: there is no dimension ${text.slice(0, Math.max(0, colon))}`);
    filters.set(field, [...(filters.get(field) ?? []), text.slice(colon + 1)]);
  }
  return (event) => (!site || event.site === site) && (!classes.length || classes.includes(event.class))
    && [...filters].every(([field, values]) => values.includes(event[field] ?? ""));
}

export function rangeOf(asked, now) {
  const number = (name, otherwise) => {
    const text = asked.get(name);
    if (text === null) return otherwise;
    if (!/^\d+$/.test(text)) throw new Wrong(`${name}: milliseconds since the epoch, not ${text}`);
    return Number(text);
  };
  const [from, to] = [number("from", 0), number("to", now)];
  if (from >= to) throw new Wrong("from has to be before to");
  return { from, to };
}

function counts(events) {
  const visitors = new Set();
  let views = 0;
  let machines = 0;
  for (const event of events) {
    if (event.event === "pageview") views += 1;
    if (event.class !== "human") machines += 1;
    if (event.visitor) visitors.add(event.visitor);
  }
  return { events: events.length, views, visitors: visitors.size, machine_events: machines };
}

export function nowOf(all, asked, now) {
  const inScope = scopeOf(asked, { ignoreClass: true });
  const recent = all.filter((event) => atOf(event) > now - 300_000 && event.class === "human" && inScope(event));
  return new Set(recent.map((event) => event.visitor).filter(Boolean)).size;
}

const within = (all, { from, to }) => all.filter((event) => atOf(event) >= from && atOf(event) < to);

export function overview(all, asked, now) {
  const range = rangeOf(asked, now);
  const inRange = within(all, range);
  const inScope = scopeOf(asked);
  const anyClass = inRange.filter(scopeOf(asked, { ignoreClass: true }));
  const classes = new Map();
  for (const event of anyClass) {
    const one = classes.get(event.class) ?? { class: event.class, events: 0, views: 0 };
    one.events += 1;
    if (event.event === "pageview") one.views += 1;
    classes.set(event.class, one);
  }
  const before = { from: range.from - (range.to - range.from), to: range.from };
  const kept = all.length ? atOf(all[0]) : now;
  const previous = asked.get("compare") === "1" && before.from >= kept ? counts(within(all, before).filter(inScope)) : null;
  return { ...counts(inRange.filter(inScope)), now: nowOf(all, asked, now), classes: [...classes.values()].sort((a, b) => b.events - a.events), previous };
}

/** The start of the bucket that holds a moment, in a zone. */
function startOf(at, unit, zone) {
  if (unit === "minute") return Math.floor(at / 60_000) * 60_000;
  const parts = Object.fromEntries(new Intl.DateTimeFormat("en", { timeZone: zone, hourCycle: "h23", hour: "numeric", minute: "numeric", second: "numeric" })
    .formatToParts(at).map((part) => [part.type, Number(part.value)]));
  const intoHour = parts.minute * 60_000 + parts.second * 1000 + (at % 1000);
  if (unit === "hour") return at - intoHour;
  // Midnight of the zone's day: step back by the wall clock, then correct for a clock that was moved that day.
  let start = at - intoHour - parts.hour * 3_600_000;
  const hour = Number(new Intl.DateTimeFormat("en", { timeZone: zone, hourCycle: "h23", hour: "numeric" }).format(start));
  if (hour) start += hour > 12 ? (24 - hour) * 3_600_000 : -hour * 3_600_000;
  return start;
}

export function series(all, asked, now) {
  const { from, to } = rangeOf(asked, now);
  const unit = asked.get("unit") ?? "hour";
  const zone = asked.get("zone") ?? "UTC";
  const step = { minute: 60_000, hour: 3_600_000, day: 86_400_000 }[unit];
  if (!step) throw new Wrong(`unit: minute, hour or day, not ${unit}`);
  if ((to - from) / step > 2000) throw new Wrong("more than 2,000 points; ask for a coarser unit or a shorter range");
  const buckets = new Map();
  for (let at = startOf(from, unit, zone); at < to;) {
    const next = startOf(at + step + (unit === "day" ? 3_600_000 * 3 : 0), unit, zone);
    buckets.set(at, { end: next, events: [] });
    at = next;
  }
  const starts = [...buckets.keys()];
  for (const event of within(all, { from, to }).filter(scopeOf(asked))) {
    const at = atOf(event);
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle] <= at) low = middle;
      else high = middle - 1;
    }
    buckets.get(starts[low]).events.push(event);
  }
  const points = [...buckets].map(([start, bucket]) => ({
    start_ms: start, end_ms: bucket.end, ...counts(bucket.events), partial: start < from || bucket.end > to || bucket.end > now,
  }));
  return { unit, zone, points };
}

/** Each event with the page its visitor came in or left by, for entry and exit. */
function edgePages(events, dimension) {
  const found = new Map();
  for (const event of events) {
    if (!event.visitor || event.event !== "pageview") continue;
    if (dimension === "exit" || !found.has(event.visitor)) found.set(event.visitor, event);
  }
  return [...found.values()];
}

export function top(all, asked, now) {
  const dimension = asked.get("dimension");
  const isEdge = dimension === "entry" || dimension === "exit";
  const field = isEdge ? "page_path" : FIELDS[dimension];
  if (!field) throw new Wrong(`dimension: there is none called ${dimension}`);
  const order = asked.get("order") ?? "views";
  if (!["views", "visitors", "events"].includes(order)) throw new Wrong(`order: views, visitors or events, not ${order}`);
  const inScope = within(all, rangeOf(asked, now)).filter(scopeOf(asked));
  const groups = new Map();
  for (const event of isEdge ? edgePages(inScope, dimension) : inScope) {
    const value = event[field] ?? "";
    groups.set(value, [...(groups.get(value) ?? []), event]);
  }
  const search = (asked.get("search") ?? "").toLowerCase();
  const rows = [...groups].filter(([value]) => value.toLowerCase().includes(search)).map(([value, events]) => {
    const { machine_events: _, ...rest } = counts(events);
    return { value, ...rest };
  }).sort((a, b) => b[order] - a[order] || (a.value < b.value ? -1 : 1));
  const offset = Number(asked.get("offset") ?? 0);
  const { machine_events: _, ...totals } = counts(inScope);
  return { dimension, rows: rows.slice(offset, offset + limitOf(asked, 10, 1000)), values: rows.length, ...totals };
}

export function properties(all, asked, now) {
  const name = asked.get("event");
  const found = new Map();
  for (const event of within(all, rangeOf(asked, now)).filter(scopeOf(asked))) {
    if (event.event !== name) continue;
    for (const [key, value] of Object.entries(event.props ?? {})) {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      const values = found.get(key) ?? new Map();
      values.set(text, (values.get(text) ?? 0) + 1);
      found.set(key, values);
    }
  }
  return [...found].map(([key, values]) => ({
    key, events: [...values.values()].reduce((sum, one) => sum + one, 0),
    values: [...values].map(([value, events]) => ({ value, events })).sort((a, b) => b.events - a.events).slice(0, limitOf(asked, 10, 1000)),
  }));
}

export function sites(all) {
  const found = new Map();
  for (const event of all) {
    const one = found.get(event.site) ?? { site: event.site, events: 0, views: 0, last_ms: 0 };
    one.events += 1;
    if (event.event === "pageview") one.views += 1;
    one.last_ms = atOf(event);
    found.set(event.site, one);
  }
  return [...found.values()].sort((a, b) => b.events - a.events);
}

const cell = (value) => {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
};

export function csv(answer) {
  const rows = Array.isArray(answer) ? answer.map((one) => one.event ?? one) : answer.rows ?? answer.points ?? [answer];
  const heads = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [heads, ...rows.map((row) => heads.map((head) => (typeof row[head] === "object" ? JSON.stringify(row[head]) : row[head])))];
  return `\ufeff${lines.map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`;
}
