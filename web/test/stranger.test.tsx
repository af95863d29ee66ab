// @vitest-environment jsdom
import { render } from "preact";
import { describe, expect, it } from "vitest";
import { Outside, Stranger } from "../src/parts/bits";
import { pieces, plain, webAddress } from "../src/state/stranger";

describe("invisible and direction-changing characters are named", () => {
  const table: [string, string][] = [
    ["plain", "plain"], ["a\u202eb", "a[U+202E]b"], ["\u200bx", "[U+200B]x"], ["\u2066x\u2069", "[U+2066]x[U+2069]"], ["a\u0000\tb", "a[U+0000][U+0009]b"],
    ["\ufeffx", "[U+FEFF]x"], ["soft\u00adhyphen", "soft[U+00AD]hyphen"], ["\u3164", "[U+3164]"], ["x\ufffd", "x[U+FFFD]"], ["\ud800", "[U+D800]"],
    ["\u{e0041}", "[U+E0041]"], ["שלום", "שלום"], ["日本語 🎉", "日本語 🎉"], ["é", "é"], ["👩‍💻 ❤️", "👩‍💻 ❤️"], ["a\u200db", "a[U+200D]b"], ["a\ufe0f", "a[U+FE0F]"],
  ];
  for (const [text, expected] of table) it(expected, () => expect(plain(text)).toBe(expected));
  it("a tower of accents ends", () => expect(pieces(`a${"\u0301".repeat(50)}`).filter((one) => one.hidden)).toHaveLength(46));
});

describe("only web addresses become links", () => {
  const table: [unknown, string | null][] = [
    ["https://example.org/a", "https://example.org/a"], ["http://x", "http://x/"], ["javascript:alert(1)", null], ["JaVaScRiPt:alert(1)", null], ["data:text/html,x", null],
    [" https://x", null], ["https://user:pw@x/", null], ["https://", null], ["//x", null], [undefined, null], [{ href: "x" }, null],
  ];
  for (const [text, expected] of table) it(String(text), () => expect(webAddress(text)).toBe(expected));
  it("with no way back to us", () => {
    const root = document.createElement("div");
    render(<Outside address="https://example.org" label="there" />, root);
    expect(root.querySelector("a")?.rel).toBe("noopener noreferrer nofollow");
  });
});

describe("markup stays text", () => {
  for (const text of ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</bdi><b>", "&lt;b&gt;", "{{x}}"]) {
    it(text, () => {
      const root = document.createElement("div");
      render(<Stranger text={text} />, root);
      expect(root.textContent).toBe(text);
      expect(root.querySelectorAll("*")).toHaveLength(1);
      expect(root.firstElementChild?.tagName).toBe("BDI");
    });
  }
});
