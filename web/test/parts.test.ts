// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { figure } from "../src/parts/tiles";
import { curve } from "../src/state/curve";
import { nameOf } from "../src/state/keys";
import { pause } from "../src/state/refresh";
import { nextTheme } from "../src/state/theme";
import { takeToken } from "../src/state/token";
import type { Overview, Point } from "../src/types";

const point = (start: number, views: number, partial = false): Point => ({ start_ms: start * 1000, end_ms: 0, events: views, views, visitors: views / 2, machine_events: 1, partial });

describe("the curve", () => {
  it("is dotted where a bucket is not whole, and meets itself", () => {
    expect(curve([point(0, 2, true), point(1, 4), point(2, 6), point(3, 1, true)], "views")).toEqual({
      times: [0, 1, 2, 3], solid: [null, 4, 6, null], dotted: [2, 4, 6, 1],
    });
  });
  it("has holes where there is nothing to divide by", () => {
    expect(curve([point(0, 0), point(1, 4)], "per_visitor").solid).toEqual([null, 2]);
    expect(curve([point(1, 4)], "machine").solid).toEqual([25]);
  });
});

describe("a tile", () => {
  const overview: Overview = {
    events: 200, views: 150, visitors: 50, machine_events: 20, now: 3, classes: [{ class: "human", events: 180, views: 140 }, { class: "bot", events: 20, views: 10 }],
    previous: { events: 100, views: 100, visitors: 50, machine_events: 20 },
  };
  it("has a figure and the one before", () => {
    expect(figure(overview, "views", false)).toEqual({ text: "150", now: 150, before: 100 });
    expect(figure(overview, "per_visitor", false)).toEqual({ text: "3.00", now: 3, before: 2 });
    expect(figure(overview, "machine", false)).toEqual({ text: "10%", now: 0.1, before: 0.2 });
  });
  it("shows the machines' share of everything, also while only humans are looked at", () => {
    const humans = { ...overview, events: 180, machine_events: 0 };
    expect(figure(humans, "machine", true)).toEqual({ text: "10%", now: 0.1, before: null });
  });
});

describe("the sign-in token", () => {
  const table: [string, string | null, string][] = [
    ["/#token=abc", "abc", "/"], ["/?token=abc", "abc", "/"], ["/setup?site=s&token=abc#x=1", "abc", "/setup?site=s#x=1"], ["/?token=", null, "/"], ["/?site=s", null, "/?site=s"],
  ];
  for (const [address, token, after] of table) {
    it(address, () => {
      history.replaceState(null, "", address);
      expect(takeToken()).toBe(token);
      expect(location.pathname + location.search + location.hash).toBe(after);
    });
  }
});

describe("small rules", () => {
  it("a key has one name on every keyboard", () => {
    expect(nameOf({ key: "!", code: "Digit1", shiftKey: true })).toBe("shift+1");
    expect(nameOf({ key: "1", code: "Digit1", shiftKey: false })).toBe("1");
    expect(nameOf({ key: "D", code: "KeyD", shiftKey: false })).toBe("d");
    expect(nameOf({ key: "Escape", code: "Escape", shiftKey: false })).toBe("Escape");
  });
  it("slow answers are asked for less often", () => {
    expect(pause(20)).toBe(5000);
    expect(pause(900)).toBe(9000);
  });
  it("three themes take turns", () => expect([nextTheme("auto"), nextTheme("light"), nextTheme("dark")]).toEqual(["light", "dark", "auto"]));
});
