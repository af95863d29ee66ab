// The newest hits where nobody pushes them: asked for at a pace, and held back like those of the feed.
import type { Hit } from "../types";
import { SHOWN_MAX, type Doors, type Entry, type Snapshot, type Status } from "./feed";

/** Between two questions: what a person still calls live, and a store does not notice. */
export const POLL_MS = 10_000;
/** A store that answers slowly is asked less often. */
const TIMES_SLOWER = 10;

export class Poll {
  private shown: Hit[] = [];
  private newest: Hit[] = [];
  private known = new Set<string>();
  private holds = new Set<string>();
  private status: Status = "connecting";
  private resting = false;
  private asking = false;
  private cancel: (() => void) | null = null;
  private stop = new AbortController();

  constructor(private doors: Pick<Doors, "recent" | "after">, private pace: () => number, private changed: (snapshot: Snapshot) => void, private arrived: () => void = () => {}) {}

  async start(): Promise<void> {
    await this.look();
  }

  close(): void {
    this.stop.abort();
    this.cancel?.();
  }

  /** Asks for nothing while nobody looks. */
  rest(on: boolean): void {
    if (on === this.resting) return;
    this.resting = on;
    this.cancel?.();
    if (!on) void this.look();
  }

  hold(reason: string, on: boolean): void {
    if (on) this.holds.add(reason);
    else this.holds.delete(reason);
    if (!this.holds.size) this.shown = this.newest;
    this.tell();
  }

  private async look(): Promise<void> {
    if (this.asking || this.stop.signal.aborted) return;
    this.asking = true;
    try {
      this.take(await this.doors.recent(this.stop.signal));
      this.status = "polled";
    } catch {
      // What is wrong is said by the rest of the page.
      this.status = "away";
    }
    this.asking = false;
    this.tell();
    this.cancel?.();
    if (!this.resting && !this.stop.signal.aborted) {
      this.cancel = this.doors.after(Math.max(POLL_MS, TIMES_SLOWER * this.pace()), () => void this.look());
    }
  }

  private take(hits: Hit[]): void {
    const isFirst = this.status === "connecting";
    const isNew = hits.some((hit) => !this.known.has(hit.event.id));
    this.newest = hits.slice(0, SHOWN_MAX);
    this.known = new Set(hits.map((hit) => hit.event.id));
    // What was there before is shown in any case: nobody can read it yet.
    if (!this.holds.size || isFirst) this.shown = this.newest;
    if (isNew && !isFirst) this.arrived();
  }

  private tell(): void {
    if (this.stop.signal.aborted) return;
    const seen = new Set(this.shown.map((hit) => hit.event.id));
    const waiting = this.newest.filter((hit) => !seen.has(hit.event.id)).length;
    const entries = this.shown.map((hit): Entry => ({ kind: "hit", hit }));
    this.changed({ status: this.status, entries, waiting, now: null });
  }
}
