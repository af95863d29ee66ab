import { beforeEach, describe, expect, it } from "vitest";
import { Feed, SHOWN_MAX, type Doors, type Snapshot, type Source } from "../src/state/feed";
import type { Hit } from "../src/types";

class Played implements Source {
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  readyState = 1;
  closed = false;
  private listeners = new Map<string, (event: MessageEvent<string>) => void>();
  constructor(readonly url: URL) {}
  addEventListener(type: string, listener: (event: MessageEvent<string>) => void) { this.listeners.set(type, listener); }
  close() { this.closed = true; }
  say(type: string, data: unknown) { this.listeners.get(type)?.({ data: typeof data === "string" ? data : JSON.stringify(data) } as MessageEvent<string>); }
}

const hit = (offset: number): Hit => ({ offset, event: { id: `e${offset}`, received_at: "2026-01-01T00:00:00.000Z", event: "pageview", site: "s" } });

let sources: Played[];
let timers: { ms: number; act: () => void; gone: boolean }[];
let snapshot: Snapshot;
let arrivals: number;
let before: Hit[];
let feed: Feed;

function make(): Feed {
  const doors: Doors = {
    open: (url) => {
      const source = new Played(new URL(url, "http://x"));
      sources.push(source);
      return source;
    },
    recent: async () => before,
    after: (ms, act) => {
      const timer = { ms, act, gone: false };
      timers.push(timer);
      return () => { timer.gone = true; };
    },
    random: () => 1,
  };
  return new Feed(new URLSearchParams("site=s"), doors, (next) => { snapshot = next; }, () => { arrivals += 1; });
}
const source = () => sources.at(-1) as Played;
const shown = () => snapshot.entries.map((entry) => (entry.kind === "hit" ? entry.hit.offset : `gap ${entry.gap.missed}`));
const fire = (ms: number) => {
  const timer = timers.filter((one) => !one.gone && one.ms === ms).at(-1);
  if (timer) timer.gone = true;
  timer?.act();
};

beforeEach(async () => {
  sources = [];
  timers = [];
  arrivals = 0;
  before = [hit(5), hit(4)];
  feed = make();
  await feed.start();
});

describe("following", () => {
  it("begins exactly after what was fetched", () => {
    expect(shown()).toEqual([5, 4]);
    expect(source().url.searchParams.get("after")).toBe("5");
    expect(source().url.searchParams.get("site")).toBe("s");
  });
  it("shows the newest first, nothing twice", () => {
    for (const offset of [5, 6, 6, 8, 7]) source().say("hit", hit(offset));
    expect(shown()).toEqual([8, 6, 5, 4]);
    expect(arrivals).toBe(2);
  });
  it("finds what came just before, where there was nothing to go on from", async () => {
    before = [];
    feed = make();
    await feed.start();
    expect(source().url.searchParams.has("after")).toBe(false);
    source().say("hit", hit(8));
    before = [hit(8), hit(7)];
    fire(2500);
    await Promise.resolve().then(() => {});
    source().say("hit", hit(9));
    expect(shown()).toEqual([9, 8, 7]);
  });
  it("says what the server left out", () => {
    source().say("gap", { missed: 1200, from: 6, to: 1206 });
    source().say("hit", hit(1206));
    expect(shown()).toEqual([1206, "gap 1200", 5, 4]);
  });
  it("keeps a bounded number of rows", () => {
    for (let offset = 6; offset < 600; offset += 1) source().say("hit", hit(offset));
    expect(snapshot.entries).toHaveLength(SHOWN_MAX);
    expect(shown()[0]).toBe(599);
  });
  it("ignores what it cannot read", () => {
    for (const broken of ["{", "null", '{"offset":"7"}', "[]"]) source().say("hit", broken);
    source().say("now", { now: 7 });
    expect(shown()).toEqual([5, 4]);
    expect(snapshot.now).toBe(7);
  });
});

describe("reconnecting", () => {
  it("leaves it to the browser while it tries", () => {
    source().onopen?.();
    source().readyState = 0;
    source().onerror?.();
    expect(snapshot.status).toBe("away");
    expect(sources).toHaveLength(1);
    source().onopen?.();
    expect(snapshot.status).toBe("live");
  });
  it("opens again by itself after the last hit seen, waiting longer each time", () => {
    source().say("hit", hit(9));
    for (const wait of [500, 1000, 2000]) {
      source().readyState = 2;
      source().onerror?.();
      fire(wait);
    }
    expect(sources).toHaveLength(4);
    expect(source().url.searchParams.get("after")).toBe("9");
    source().say("hit", hit(9));
    source().say("hit", hit(10));
    expect(shown()).toEqual([10, 9, 5, 4]);
  });
  it("does not trust a silent connection", () => {
    source().onopen?.();
    fire(40_000);
    expect(snapshot.status).toBe("away");
    expect(sources[0]?.closed).toBe(true);
    fire(500);
    expect(sources).toHaveLength(2);
  });
  it("ends when closed", () => {
    feed.close();
    source().say("hit", hit(6));
    expect(sources[0]?.closed).toBe(true);
    expect(shown()).toEqual([5, 4]);
  });
});

describe("resting", () => {
  it("gives the connection back and goes on where it was", () => {
    source().say("hit", hit(6));
    feed.rest(true);
    expect(sources[0]?.closed).toBe(true);
    feed.rest(false);
    expect(sources).toHaveLength(2);
    expect(source().url.searchParams.get("after")).toBe("6");
  });
  it("needs no connection before there is one", async () => {
    const other = make();
    other.rest(true);
    await other.start();
    expect(sources).toHaveLength(1);
    other.rest(false);
    expect(sources).toHaveLength(2);
  });
});

describe("holding back", () => {
  it("does not hold back what was there before", async () => {
    const other = make();
    other.hold("pause", true);
    await other.start();
    expect([shown(), snapshot.waiting]).toEqual([[5, 4], 0]);
  });
  it("counts what waits and shows it in order when the last reason is gone", () => {
    feed.hold("hover", true);
    feed.hold("pause", true);
    source().say("hit", hit(6));
    source().say("hit", hit(7));
    expect([shown(), snapshot.waiting]).toEqual([[5, 4], 2]);
    feed.hold("hover", false);
    expect(snapshot.waiting).toBe(2);
    feed.hold("pause", false);
    expect([shown(), snapshot.waiting]).toEqual([[7, 6, 5, 4], 0]);
  });
  it("counts on where it no longer keeps", () => {
    feed.hold("pause", true);
    for (let offset = 6; offset < 1006; offset += 1) source().say("hit", hit(offset));
    expect(snapshot.waiting).toBe(1000);
    feed.hold("pause", false);
    expect(snapshot.entries).toHaveLength(SHOWN_MAX);
    expect(shown()[0]).toBe(1005);
  });
});
