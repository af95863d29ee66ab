import { describe, expect, it } from "vitest";
import { question, scope, span, unitOf, units } from "../src/state/question";
import { START, type Range } from "../src/state/view";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = new Date(2026, 10, 26, 13, 31, 49).getTime();

describe("ranges", () => {
  const table: [Range, number][] = [
    ["30m", new Date(2026, 10, 26, 13, 2).getTime()],
    ["today", new Date(2026, 10, 26).getTime()],
    ["24h", new Date(2026, 10, 25, 14).getTime()],
    ["7d", new Date(2026, 10, 26, 14).getTime() - 7 * DAY],
  ];
  for (const [range, from] of table) it(range, () => expect(span({ ...START, range }, NOW)).toEqual({ from, to: null }));
  it("custom", () => expect(span({ ...START, range: "custom", from: 5, to: 9 }, NOW)).toEqual({ from: 5, to: 9 }));
});

describe("units", () => {
  const table: [number, string[], string][] = [
    [30 * MINUTE, ["minute"], "minute"],
    [3 * HOUR, ["minute", "hour"], "minute"],
    [DAY, ["minute", "hour"], "hour"],
    [2 * DAY, ["hour", "day"], "hour"],
    [7 * DAY, ["hour", "day"], "hour"],
    [30 * DAY, ["hour", "day"], "day"],
    [365 * DAY, ["day"], "day"],
  ];
  for (const [length, possible, best] of table) it(`${length / HOUR} h`, () => expect(units(length)).toEqual({ possible, best }));
  it("never more points than the server gives", () => {
    for (let length = MINUTE; length < 3000 * DAY; length *= 1.7) {
      const size = { minute: MINUTE, hour: HOUR, day: DAY };
      for (const unit of units(length).possible) if (length <= 1998 * DAY) expect(length / size[unit] + 2).toBeLessThanOrEqual(2000);
    }
  });
  it("a unit that does not fit the range is not asked for", () => {
    expect(unitOf({ ...START, range: "7d", unit: "minute" }, NOW)).toBe("hour");
    expect(unitOf({ ...START, range: "7d", unit: "day" }, NOW)).toBe("day");
  });
});

describe("questions", () => {
  it("carry the whole scope", () => {
    const view = { ...START, site: "a&b", classes: ["human", "bot"], filters: [{ dimension: "page", value: "/x:y" }, { dimension: "country", value: "" }] as const, link: "k" };
    const asked = new URLSearchParams(question({ ...view, filters: [...view.filters] }, NOW, { dimension: "page", limit: 8, search: undefined }));
    expect(asked.get("site")).toBe("a&b");
    expect(asked.get("class")).toBe("human,bot");
    expect(asked.getAll("filter")).toEqual(["page:/x:y", "country:"]);
    expect([asked.get("link"), asked.get("dimension"), asked.get("limit"), asked.has("to"), asked.has("search")]).toEqual(["k", "page", "8", false, false]);
  });
  it("of the feed have no range", () => expect([...scope({ ...START, site: "s" }).keys()]).toEqual(["site"]));
});
