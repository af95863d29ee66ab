import { describe, expect, it } from "vitest";
import { START, type View, hasFilter, read, toggleFilter, write } from "../src/state/view";

const view = (changes: Partial<View>): View => ({ ...START, ...changes });

describe("an address and a view say the same", () => {
  const table: [string, View][] = [
    ["/", START],
    ["/pipeline", view({ place: "/pipeline" })],
    ["/?site=blog&range=7d", view({ site: "blog", range: "7d" })],
    ["/?from=100&to=200", view({ range: "custom", from: 100, to: 200 })],
    ["/?from=100", view({ range: "custom", from: 100 })],
    ["/?unit=day&metric=visitors&class=human%2Cbot", view({ unit: "day", metric: "visitors", classes: ["human", "bot"] })],
    ["/?filter=page%3A%2Fa%3Ab&filter=country%3A", view({ filters: [{ dimension: "page", value: "/a:b" }, { dimension: "country", value: "" }] })],
    ["/?wall=1&link=abc", view({ wall: true, link: "abc" })],
  ];
  for (const [address, expected] of table) {
    it(address, () => {
      const url = new URL(address, "http://x");
      expect(read(url.pathname, url.search)).toEqual(expected);
      expect(write(expected)).toBe(address);
    });
  }

  it("whatever a stranger chose survives the way through the address", () => {
    for (const value of ["<script>", "a&b=c#d", "ä ö", "\u202eevil", "100%", "+", "\ud800", ""]) {
      const url = new URL(write(view({ filters: [{ dimension: "title", value }] })), "http://x");
      const wellFormed = value === "\ud800" ? "\ufffd" : value;
      expect(read(url.pathname, url.search).filters).toEqual([{ dimension: "title", value: wellFormed }]);
    }
  });
});

describe("what an address should not say is left out", () => {
  const table: [string, Partial<View>][] = [
    ["/nowhere", {}], ["/pipeline/", { place: "/pipeline" }], ["/?range=custom", {}], ["/?from=200&to=100", {}], ["/?from=x&to=9", {}], ["/?unit=century", {}],
    ["/?metric=money", {}], ["/?class=human,<b>,bot", { classes: ["human", "bot"] }], ["/?class=bot&filter=class:bot&filter=class:human", { classes: ["bot", "human"] }],
    ["/?filter=page&filter=:x&filter=nothing:x&filter=entry:/", {}],
  ];
  for (const [address, expected] of table) {
    it(address, () => {
      const url = new URL(address, "http://x");
      expect(read(url.pathname, url.search)).toEqual(view(expected));
    });
  }
  it("at most 50 filters", () => {
    const search = Array.from({ length: 90 }, (_, index) => `filter=page:/${index}`).join("&");
    expect(read("/", `?${search}`).filters).toHaveLength(50);
  });
});

describe("a row's click", () => {
  it("adds and takes away a filter, and combines", () => {
    const page = { dimension: "page", value: "/a" } as const;
    const one = toggleFilter(START, page);
    expect(hasFilter(one, page)).toBe(true);
    const two = toggleFilter(one, { dimension: "browser", value: "Firefox" });
    expect(two.filters).toHaveLength(2);
    expect(toggleFilter(two, page).filters).toEqual([{ dimension: "browser", value: "Firefox" }]);
  });
  it("on a site or a class uses what there is for them", () => {
    expect(toggleFilter(START, { dimension: "site", value: "blog" }).site).toBe("blog");
    expect(toggleFilter(view({ site: "blog" }), { dimension: "site", value: "blog" }).site).toBe("");
    expect(toggleFilter(START, { dimension: "class", value: "bot" }).classes).toEqual(["bot"]);
  });
});
