// The live feed: hits pushed by Server-Sent Events. Promises no gap and no double across reconnects, and says so where
// the server itself had to leave hits out. Holds hits back while paused or while somebody reads, and counts them.
import type { Gap, Hit } from "../types";

export type Entry = { kind: "hit"; hit: Hit } | { kind: "gap"; gap: Gap };
export type Status = "connecting" | "live" | "polled" | "away";

export interface Snapshot {
  status: Status;
  entries: Entry[];
  /** Hits that came and are not shown yet. */
  waiting: number;
  now: number | null;
}

/** The part of EventSource that is used, so that a test can play it. */
export interface Source {
  onopen: (() => void) | null;
  onerror: (() => void) | null;
  readonly readyState: number;
  addEventListener(type: string, listener: (event: MessageEvent<string>) => void): void;
  close(): void;
}
export interface Doors {
  open(url: string): Source;
  recent(signal: AbortSignal): Promise<Hit[]>;
  after(ms: number, act: () => void): () => void;
  random(): number;
}

/** Rows kept: what a person can scroll through. */
export const SHOWN_MAX = 200;
const CLOSED = 2;
const RETRY_MS = 500;
const RETRY_MS_MAX = 15_000;
/** The live view takes hits in batches of about a second. */
const SETTLE_MS = 2500;
/** The server sends something every 15 s; a connection that is silent for longer is dead, whatever TCP thinks. */
const SILENCE_MS = 40_000;

export class Feed {
  private shown: Entry[] = [];
  private held: Entry[] = [];
  private heldHits = 0;
  private holds = new Set<string>();
  private last = -1;
  private status: Status = "connecting";
  private now: number | null = null;
  private failures = 0;
  private begun = false;
  private resting = false;
  private source: Source | null = null;
  private cancel: (() => void) | null = null;
  private silence: (() => void) | null = null;
  private settle: (() => void) | null = null;
  private stop = new AbortController();

  constructor(private query: URLSearchParams, private doors: Doors, private changed: (snapshot: Snapshot) => void, private arrived: () => void = () => {}) {}

  /** Fetches what came before, then follows: the stream goes on exactly after the newest of it. */
  async start(): Promise<void> {
    try {
      const hits = await this.doors.recent(this.stop.signal);
      // What was there before is shown in any case: nobody can read it yet.
      for (const hit of [...hits].reverse()) if (hit.offset !== null && Number.isInteger(hit.offset)) this.take({ kind: "hit", hit }, hit.offset, false);
      this.tell();
    } catch {
      // The feed is still worth following; what is wrong is said by the rest of the page.
    }
    if (this.stop.signal.aborted) return;
    this.begun = true;
    if (!this.resting) this.connect();
    // Without a hit to go on from the stream begins now; what the live view had not taken in yet is fetched a little later.
    if (this.last < 0) this.settle = this.doors.after(SETTLE_MS, () => void this.catchUp());
  }

  close(): void {
    this.stop.abort();
    this.source?.close();
    this.cancel?.();
    this.silence?.();
    this.settle?.();
  }

  private async catchUp(): Promise<void> {
    const hits = await this.doors.recent(this.stop.signal).catch(() => []);
    const known = new Set([...this.shown, ...this.held].map((entry) => (entry.kind === "hit" ? entry.hit.offset : -1)));
    const missed = hits.filter((hit) => hit.offset !== null && Number.isInteger(hit.offset) && !known.has(hit.offset));
    if (!missed.length || this.stop.signal.aborted) return;
    const offset = (entry: Entry) => (entry.kind === "hit" ? entry.hit.offset ?? -1 : entry.gap.to);
    const added = missed.map((hit): Entry => ({ kind: "hit", hit }));
    this.shown = [...this.shown, ...added].sort((a, b) => offset(b) - offset(a)).slice(0, SHOWN_MAX);
    this.last = Math.max(this.last, ...missed.map((hit) => hit.offset ?? -1));
    this.arrived();
    this.tell();
  }

  /** Gives the connection back while nobody looks: a browser has six for all its tabs. */
  rest(on: boolean): void {
    if (on === this.resting || this.stop.signal.aborted) return;
    this.resting = on;
    this.cancel?.();
    if (!on) {
      if (this.begun) this.connect();
      return;
    }
    this.source?.close();
    this.silence?.();
    this.set("connecting");
  }

  /** Holds new hits back for a reason (`pause`, `hover`, `focus`); they show when the last reason is gone. */
  hold(reason: string, on: boolean): void {
    if (on) this.holds.add(reason);
    else this.holds.delete(reason);
    if (this.holds.size === 0 && this.held.length) {
      this.shown = [...this.held.reverse(), ...this.shown].slice(0, SHOWN_MAX);
      this.held = [];
      this.heldHits = 0;
    }
    this.tell();
  }

  private connect(): void {
    const query = new URLSearchParams(this.query);
    if (this.last >= 0) query.set("after", String(this.last));
    const source = this.doors.open(`/api/v1/live?${query}`);
    this.source = source;
    source.onopen = () => {
      this.failures = 0;
      this.set("live");
      this.heard();
    };
    source.onerror = () => {
      this.set("away");
      // While it is not closed the browser reconnects by itself, with Last-Event-ID.
      if (source.readyState === CLOSED) this.again();
    };
    source.addEventListener("hit", (event) => this.onHit(event.data));
    source.addEventListener("gap", (event) => this.onGap(event.data));
    source.addEventListener("now", (event) => this.onNow(event.data));
  }

  private again(): void {
    this.source?.close();
    this.silence?.();
    this.cancel?.();
    const wait = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** this.failures) * (0.5 + this.doors.random() / 2);
    this.failures += 1;
    this.cancel = this.doors.after(wait, () => this.connect());
  }

  private heard(): void {
    this.silence?.();
    this.silence = this.doors.after(SILENCE_MS, () => {
      this.set("away");
      this.again();
    });
  }

  private onHit(text: string): void {
    this.heard();
    const hit = parse<Hit>(text);
    if (!hit || hit.offset === null || !Number.isInteger(hit.offset) || !hit.event) return;
    if (!this.take({ kind: "hit", hit }, hit.offset)) return;
    this.arrived();
    this.tell();
  }

  private onGap(text: string): void {
    this.heard();
    const gap = parse<Gap>(text);
    if (!gap || typeof gap.missed !== "number") return;
    this.take({ kind: "gap", gap }, Math.max(this.last + 1, Number(gap.to) || 0));
    this.arrived();
    this.tell();
  }

  private onNow(text: string): void {
    this.heard();
    const said = parse<{ now: number }>(text);
    if (!said || typeof said.now !== "number") return;
    this.now = said.now;
    this.tell();
  }

  /** False for what was seen before: after a reconnect the server may begin a little earlier. */
  private take(entry: Entry, offset: number, mayHold = true): boolean {
    if (offset <= this.last) return false;
    this.last = entry.kind === "hit" ? offset : Math.max(this.last, offset - 1);
    if (this.holds.size && mayHold) {
      this.held.push(entry);
      if (entry.kind === "hit") this.heldHits += 1;
      if (this.held.length > SHOWN_MAX) this.held.shift();
    } else this.shown = [entry, ...this.shown].slice(0, SHOWN_MAX);
    return true;
  }

  private set(status: Status): void {
    this.status = status;
    this.tell();
  }

  private tell(): void {
    if (this.stop.signal.aborted) return;
    this.changed({ status: this.status, entries: this.shown, waiting: this.heldHits, now: this.now });
  }
}

function parse<T>(text: string): T | null {
  try {
    return JSON.parse(text) as T;
  } catch {
    return null;
  }
}

export const browserDoors = (recent: Doors["recent"]): Doors => ({
  open: (url) => new EventSource(url) as unknown as Source,
  recent,
  after: (ms, act) => {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
});
