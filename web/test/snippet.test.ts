// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { KINDS, snippet } from "../src/state/snippet";

const at = { pixel: "https://s.example.org/p.gif", events: "https://s.example.org/e", script: "https://s.example.org/p.js" };
const wanted = { site: "blog", page: "", campaign: "" };

describe("snippets", () => {
  it("HTML: the script, and the pixel without JavaScript", () => expect(snippet("html", at, wanted)).toBe(
    '<script defer src="https://s.example.org/p.js" data-site="blog"></script>\n'
    + '<noscript><img src="https://s.example.org/p.gif?site=blog" alt="" width="1" height="1" referrerpolicy="no-referrer-when-downgrade"></noscript>'));
  it("HTML with renamed paths says where events go", () => {
    expect(snippet("html", { ...at, script: "https://s.example.org/js/a.js" }, wanted)).toContain('src="https://s.example.org/js/a.js" data-site="blog" data-events="/e"');
    expect(snippet("html", { ...at, script: "https://s.example.org/x/a.js", events: "https://s.example.org/x/e" }, wanted)).not.toContain("data-events");
    const apart = { ...at, events: "https://in.example.org/v1/e" };
    expect(snippet("html", apart, wanted)).toContain('data-events="https://in.example.org/v1/e"');
  });
  it("README", () => expect(snippet("readme", at, wanted)).toBe("![](https://s.example.org/p.gif?site=blog&page=README)"));
  it("e-mail", () => expect(snippet("email", at, { ...wanted, page: "2026-11", campaign: "fall" })).toBe(
    '<img src="https://s.example.org/p.gif?site=blog&#38;page=2026-11&#38;utm_medium=email&#38;utm_campaign=fall" alt="" width="1" height="1">'));
  it("curl", () => expect(snippet("curl", at, wanted)).toContain(`-d '{"event":"signup","site":"blog","props":{"plan":"pro"}}'`));
});

describe("no name breaks out of its snippet", () => {
  const names = ['"><script>alert(1)</script>', "it's", "a)b](c", "`$(x)`", "ü &c"];
  for (const site of names) {
    it(site, () => {
      const html = new DOMParser().parseFromString(snippet("html", at, { ...wanted, site }), "text/html");
      expect(html.querySelectorAll("script")).toHaveLength(1);
      expect(html.querySelector("script")?.dataset.site).toBe(site);
      expect(snippet("readme", at, { ...wanted, site }).match(/[()[\]]/g)?.join("")).toBe("[]()");
      const data = /-d '(.*)'$/s.exec(snippet("curl", at, { ...wanted, site }))?.[1]?.replaceAll("'\\''", "'") ?? "";
      expect(JSON.parse(data).site).toBe(site);
      expect(snippet("spa", at, { ...wanted, site })).toContain(JSON.stringify(site));
    });
  }
  it("every kind is there", () => expect(KINDS.map((kind) => snippet(kind, at, wanted).length > 20)).toEqual(KINDS.map(() => true)));
});
