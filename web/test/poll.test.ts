import { describe, expect, it, vi } from "vitest";
import type { Snapshot } from "../src/state/feed";
import { POLL_MS, Poll } from "../src/state/poll";
import type { Hit } from "../src/types";

const hit = (id: string): Hit => ({ offset: null, event: { id, received_at: "2026-02-10T21:04:05.123Z", event: "pageview", site: "blog" } });

function rig(answers: (Hit[] | Error)[], pace = 0) {
  const waits: { ms: number; act: () => void; off: boolean }[] = [];
  const recent = vi.fn(() => {
    const next = answers.shift() ?? [];
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  });
  let last: Snapshot | null = null;
  const arrived = vi.fn();
  const after = (ms: number, act: () => void) => {
    const one = { ms, act, off: false };
    waits.push(one);
    return () => { one.off = true; };
  };
  const poll = new Poll({ recent, after }, () => pace, (snapshot) => { last = snapshot; }, arrived);
  const ids = () => last?.entries.map((entry) => (entry.kind === "hit" ? entry.hit.event.id : "")).join("");
  const pass = async () => {
    const one = waits.pop();
    if (one && !one.off) one.act();
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  return { poll, recent, arrived, waits, ids, pass, last: () => last as Snapshot | null };
}

describe("hits that are asked for", () => {
  it("come at a pace, and what is new is told once", async () => {
    const { poll, ids, pass, arrived, waits, last } = rig([[hit("a")], [hit("b"), hit("a")], [hit("b"), hit("a")]]);
    await poll.start();
    expect([ids(), last()?.status, arrived.mock.calls.length, waits[0]?.ms]).toEqual(["a", "polled", 0, POLL_MS]);
    await pass();
    expect([ids(), arrived.mock.calls.length]).toEqual(["ba", 1]);
    await pass();
    expect([ids(), arrived.mock.calls.length]).toEqual(["ba", 1]);
  });
  it("wait while somebody reads", async () => {
    const { poll, ids, pass, last } = rig([[hit("a")], [hit("b"), hit("a")]]);
    await poll.start();
    poll.hold("hover", true);
    await pass();
    expect([ids(), last()?.waiting]).toEqual(["a", 1]);
    poll.hold("hover", false);
    expect([ids(), last()?.waiting]).toEqual(["ba", 0]);
  });
  it("are asked for less often where answers are slow", async () => {
    const { poll, waits } = rig([[]], 5000);
    await poll.start();
    expect(waits[0]?.ms).toBe(50_000);
  });
  it("say when nobody answers, and come back", async () => {
    const { poll, pass, last } = rig([new Error("away"), [hit("a")]]);
    await poll.start();
    expect(last()?.status).toBe("away");
    await pass();
    expect(last()?.status).toBe("polled");
  });
  it("rest while nobody looks, and end", async () => {
    const { poll, pass, recent } = rig([[], [], []]);
    await poll.start();
    poll.rest(true);
    await pass();
    expect(recent).toHaveBeenCalledTimes(1);
    poll.rest(false);
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(recent).toHaveBeenCalledTimes(2);
    poll.close();
    await pass();
    expect(recent).toHaveBeenCalledTimes(2);
  });
});
