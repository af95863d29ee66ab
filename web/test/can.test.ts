import { describe, expect, it } from "vitest";
import { canOf, fit } from "../src/state/can";
import { START } from "../src/state/view";
import { DIMENSIONS, type Capabilities } from "../src/types";

const few: Capabilities = {
  view: { dimensions: ["page", "site"], filters: ["site"], visitors: false, properties: false, every_event: false, sums_step_ms: 60_000, top_step_ms: 3_600_000 },
  feed: false, pipeline: false, inspector: false,
};

describe("what can be shown", () => {
  it("is everything while the live view is off, so that its parts say so", () => {
    const can = canOf({ view: null, feed: true, pipeline: true, inspector: true });
    expect(DIMENSIONS.every((one) => can.ranks(one))).toBe(true);
    expect([can.visitors, can.properties, can.places.length, can.metrics.length]).toEqual([true, true, 5, 5]);
  });
  it("leaves out what is not there", () => {
    const can = canOf(few);
    expect(can.places).toEqual(["/", "/setup", "/access"]);
    expect(can.metrics).toEqual(["views", "events", "machine"]);
    expect([can.ranks("page"), can.ranks("os"), can.filters("site"), can.filters("page")]).toEqual([true, false, true, false]);
  });
  it("makes a view of another server fit", () => {
    const can = canOf(few);
    const view = { ...START, place: "/pipeline" as const, metric: "visitors" as const, filters: [{ dimension: "page" as const, value: "/" }, { dimension: "site" as const, value: "" }] };
    expect(fit(view, can)).toEqual({ ...START, filters: [{ dimension: "site", value: "" }] });
    expect(fit(START, can)).toEqual(START);
  });
});
