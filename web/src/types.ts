// The shapes of /api/v1, as the server answers them. Moments are milliseconds since the epoch.

export type Scope = "admin" | "read" | "public";
export interface Session { signed_in: boolean; scope: Scope | null; site: string | null; password_set: boolean }

export const CLASSES = ["human", "bot", "prefetch", "mail_proxy", "image_proxy", "server"] as const;

export const DIMENSIONS = [
  "page", "entry", "exit", "host", "title", "referrer", "group", "source", "medium", "campaign", "term", "content",
  "browser", "os", "device", "country", "language", "event", "site", "class",
] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** What this dashboard can show; what it cannot is left out. */
export interface Capabilities {
  view: { dimensions: Dimension[]; filters: Dimension[]; visitors: boolean; properties: boolean; every_event: boolean; sums_step_ms: number; top_step_ms: number } | null;
  feed: boolean; pipeline: boolean; inspector: boolean;
}

/** Visitors are null where they are not counted. */
export interface Counts { events: number; views: number; visitors: number | null; machine_events: number }
export interface Overview extends Counts {
  now: number | null;
  classes: { class: string; events: number; views: number }[];
  previous: Counts | null;
}
export interface Point extends Counts { start_ms: number; end_ms: number; partial: boolean }
export interface Series { unit: Unit; zone: string; points: Point[] }
export type Unit = "minute" | "hour" | "day";

export interface Row { value: string; events: number; views: number; visitors: number | null }
export interface Top { dimension: string; rows: Row[]; values: number; events: number; views: number; visitors: number | null }
export interface Property { key: string; events: number; values: { value: string; events: number }[] }
export interface Site { site: string; events: number; views: number; last_ms: number }

/** The stored event: flat, absent values omitted, everything in it chosen by a stranger. */
export type StoredEvent = { id: string; received_at: string; event: string; site: string } & Record<string, unknown>;
/** The offset is its place in the stream, where there is one stream. */
export interface Hit { offset: number | null; event: StoredEvent }
export interface Gap { missed: number; from: number; to: number }

export interface Consumer {
  name: string; committed: number; lag: number; lag_ms: number; rate_per_s: number;
  dead_lettered: number; skipped: number; error: string | null;
}
export interface Pipeline {
  status: string; accepted: number; durable: number; oldest: number; stored_bytes: number; free_bytes: number;
  watermark_bytes: number; retention_s: number; oldest_ms: number | null;
  rejected: { reason: string; count: number }[];
  rate_per_s: number; consumers: Consumer[]; oldest_unarchived_ms: number | null; balanced: boolean;
  balance: { acknowledged: number; archived: number; pending: number; dead_lettered: number };
  objects: { name: string; records: number; bytes: number; ms: number }[];
}

export interface SeenRequest {
  at_ms: number; door: string; method: string; path: string; query: string; address: string | null; status: number;
  reason: string | null; offset: number | null; event_id: string | null; class: string | null;
  headers: Record<string, string>;
  /** The reason in words. */
  detail?: string | null;
  /** The event it became, where the server has it at hand. */
  event?: StoredEvent | null;
}

export interface Setup {
  pixel_url: string; events_url: string; script_url: string;
  pixel_path: string; events_path: string; script_path: string; origin: string;
  address: { seen: string | null; peer: string | null; header: string | null; trusted: boolean };
  first_hit_ms: number | null; hits: number | null; shared_address: { address: string; share: number } | null;
}

export interface Token { id: string; name: string; scope: "read" | "admin"; created_ms: number; last_used_ms: number | null; token?: string }
export interface Link { id: string; site: string; created_ms: number; key: string }
