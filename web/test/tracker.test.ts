import { JSDOM } from "jsdom";
import { afterEach, describe, expect, it } from "vitest";
import { readFileSync } from "node:fs";

// The built file, as a browser gets it: `npm test` builds it first.
const code = readFileSync(new URL("../dist/p.js", import.meta.url), "utf8");

interface Sent { event: string; id: string; site?: string; page: string; ref: string; title: string; sent_at: string; props?: unknown }
interface Page { window: JSDOM["window"]; sent: Sent[]; urls: string[]; beacons: string[]; answer: { status: number }; settle(): Promise<void> }

const open: JSDOM[] = [];
afterEach(() => {
  for (const dom of open.splice(0)) dom.window.close();
});

interface Options { body?: string; attributes?: string; url?: string; storage?: Record<string, string>; gpc?: boolean; offline?: boolean; status?: number; src?: string }

function page({ body = "", attributes = 'data-site="blog"', url = "https://example.org/a?x=1", storage = {}, gpc, offline, status = 202, src = "https://s.example.com/p.js" }: Options = {}): Page {
  const dom = new JSDOM(`<!doctype html><title>A</title><body>${body}`, { url, referrer: "https://from.example/", runScripts: "outside-only", pretendToBeVisual: true });
  open.push(dom);
  const { window } = dom;
  const result: Page = { window, sent: [], urls: [], beacons: [], answer: { status }, settle: () => new Promise((done) => setTimeout(done, 5)) };
  for (const [key, value] of Object.entries(storage)) window.localStorage[key] = value;
  Object.defineProperty(window.navigator, "onLine", { get: () => !offline, configurable: true });
  if (gpc) Object.defineProperty(window.navigator, "globalPrivacyControl", { value: true });
  Object.defineProperty(window.navigator, "sendBeacon", { value: (_: string, text: string) => { result.beacons.push(text); return true; } });
  window.fetch = (async (to: string, init: RequestInit) => {
    result.urls.push(to);
    expect(init.keepalive).toBe(true);
    expect(typeof init.body).toBe("string");
    expect(init.headers).toBeUndefined();
    if (result.answer.status === 0) throw new TypeError("no network");
    result.sent.push(...JSON.parse(init.body as string).events);
    return { ok: result.answer.status < 300, status: result.answer.status };
  }) as unknown as typeof window.fetch;
  const script = window.document.createElement("script");
  script.setAttribute("src", src);
  for (const [, name, value] of attributes.matchAll(/([\w-]+)="([^"]*)"/g)) script.setAttribute(name as string, value as string);
  Object.defineProperty(window.document, "currentScript", { value: script, configurable: true });
  window.eval(code);
  return result;
}
const names = (of: Page) => of.sent.map((one) => one.event);
const call = (of: Page, ...given: unknown[]) => (of.window as unknown as { onepixel(...given: unknown[]): void }).onepixel(...given);

describe("a page view", () => {
  it("says all that is known, once", async () => {
    const one = page();
    await one.settle();
    expect(one.urls).toEqual(["https://s.example.com/e"]);
    expect(one.sent).toHaveLength(1);
    const { id, sent_at, ...rest } = one.sent[0] as Sent;
    expect(rest).toEqual({ event: "pageview", site: "blog", page: "https://example.org/a?x=1", ref: "https://from.example/", title: "A" });
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Math.abs(Date.now() - Date.parse(sent_at))).toBeLessThan(5000);
    expect(one.window.localStorage.onepixel_queue).toBe("[]");
    expect(one.window.document.cookie).toBe("");
  });
  const places: [string, string, string][] = [
    ["https://s.example.com/p.js", "", "https://s.example.com/e"], ["https://s.example.com/x/renamed.js", "", "https://s.example.com/x/e"],
    ["https://s.example.com/x/a.js", 'data-events="/take"', "https://s.example.com/take"], ["https://s.example.com/p.js", 'data-events="https://other.example/e"', "https://other.example/e"],
  ];
  for (const [src, attributes, expected] of places) {
    it(`${src} ${attributes}`, async () => {
      const one = page({ src, attributes });
      await one.settle();
      expect(one.urls).toEqual([expected]);
    });
  }
  it("leaves one name in the page", () => {
    const plain = new JSDOM("", { url: "https://example.org/", runScripts: "outside-only", pretendToBeVisual: true });
    open.push(plain);
    const before = new Set(Object.getOwnPropertyNames(plain.window));
    const after = Object.getOwnPropertyNames(page().window).filter((name) => !before.has(name) && name !== "fetch" && !/^\d+$/.test(name));
    expect(after).toEqual(["onepixel"]);
  });
  it("is counted once though the script is there twice", async () => {
    const one = page();
    one.window.eval(code);
    await one.settle();
    expect(names(one)).toEqual(["pageview"]);
  });
});

describe("navigation without loading", () => {
  it("is a view when the address changes, with the page before as referrer", async () => {
    const one = page();
    const { history } = one.window;
    history.pushState({}, "", "/b");
    history.replaceState({ scroll: 3 }, "", "/b");
    await one.settle();
    history.pushState({}, "", "/b#part");
    await one.settle();
    history.replaceState({}, "", "/c");
    await one.settle();
    expect(one.sent.map((sent) => new URL(sent.page).pathname)).toEqual(["/a", "/b", "/c"]);
    expect(one.sent.map((sent) => sent.ref)).toEqual(["https://from.example/", "https://example.org/a?x=1", "https://example.org/b"]);
  });
  it("works with the back button", async () => {
    const one = page();
    one.window.history.pushState({}, "", "/b");
    await one.settle();
    one.window.history.back();
    await new Promise((done) => setTimeout(done, 60));
    expect(one.sent.map((sent) => new URL(sent.page).pathname)).toEqual(["/a", "/b", "/a"]);
  });
});

describe("events", () => {
  it("from code, with properties", async () => {
    const one = page();
    call(one, "signup", { plan: "pro", nested: { a: [1] } });
    await one.settle();
    expect(one.sent.at(-1)).toMatchObject({ event: "signup", site: "blog", props: { plan: "pro", nested: { a: [1] } } });
  });
  it("from attributes: clicks inside, and forms when they are sent", async () => {
    const one = page({ body: '<button data-onepixel-event="buy" data-onepixel-prop-plan="pro" data-onepixel-prop-seat-count="3"><b>Buy</b></button><form data-onepixel-event="ask"><input><button type="button">x</button></form>' });
    const { document, Event } = one.window;
    document.querySelector("b")?.click();
    document.querySelector("input")?.click();
    document.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    await one.settle();
    expect(names(one)).toEqual(["pageview", "buy", "ask"]);
    expect(one.sent[1]?.props).toEqual({ plan: "pro", "seat-count": "3" });
  });
});

describe("nothing is sent", () => {
  const table: [string, Options][] = [["with Global Privacy Control", { gpc: true }], ["with localStorage.onepixel_ignore", { storage: { onepixel_ignore: "true" } }]];
  for (const [name, options] of table) {
    it(name, async () => {
      const one = page({ ...options, storage: { ...options.storage, onepixel_queue: JSON.stringify([{ event: "old", id: "1", sent_at: new Date().toISOString() }]) } });
      call(one, "signup");
      await one.settle();
      one.window.dispatchEvent(new one.window.Event("online"));
      expect([one.sent, one.beacons, one.urls]).toEqual([[], [], []]);
    });
  }
});

describe("a retry counts once", () => {
  it("offline, events wait and go out with the ids they had", async () => {
    const one = page({ offline: true });
    call(one, "signup");
    await one.settle();
    const waiting = JSON.parse(one.window.localStorage.onepixel_queue) as Sent[];
    expect([one.sent, waiting.map((sent) => sent.event)]).toEqual([[], ["pageview", "signup"]]);
    Object.defineProperty(one.window.navigator, "onLine", { get: () => true });
    one.window.dispatchEvent(new one.window.Event("online"));
    await one.settle();
    expect(one.sent.map((sent) => sent.id)).toEqual(waiting.map((sent) => sent.id));
    expect(one.window.localStorage.onepixel_queue).toBe("[]");
  });
  for (const status of [0, 429, 500, 503]) {
    it(`after ${status || "no answer"} the next event takes the first along`, async () => {
      const one = page({ status });
      await one.settle();
      const first = (JSON.parse(one.window.localStorage.onepixel_queue) as Sent[])[0]?.id;
      expect(first).toBeTruthy();
      one.answer.status = 202;
      one.sent.length = 0;
      call(one, "later");
      await one.settle();
      expect(names(one)).toEqual(["pageview", "later"]);
      expect(one.sent[0]?.id).toBe(first);
    });
  }
  for (const status of [400, 401, 413]) {
    it(`after ${status} it is given up: it would never be taken`, async () => {
      const one = page({ status });
      await one.settle();
      expect(one.window.localStorage.onepixel_queue).toBe("[]");
    });
  }
  it("the queue of an earlier page goes out with the next, unless it is a day old", async () => {
    const old = { event: "old", id: "00000000-0000-4000-8000-000000000001", sent_at: new Date(Date.now() - 90_000_000).toISOString() };
    const young = { ...old, event: "young", sent_at: new Date(Date.now() - 80_000_000).toISOString() };
    const one = page({ storage: { onepixel_queue: JSON.stringify([old, young]) } });
    await one.settle();
    expect(names(one)).toEqual(["young", "pageview"]);
  });
  it("the queue is bounded, the oldest go first", async () => {
    const one = page({ offline: true });
    for (let n = 0; n < 250; n += 1) call(one, `e${n}`);
    const waiting = JSON.parse(one.window.localStorage.onepixel_queue) as Sent[];
    expect([waiting.length, waiting[0]?.event, waiting.at(-1)?.event]).toEqual([100, "e150", "e249"]);
  });
  it("large events go in several requests, all of them", async () => {
    const one = page({ offline: true });
    for (let n = 0; n < 8; n += 1) call(one, `e${n}`, { text: "x".repeat(20_000) });
    Object.defineProperty(one.window.navigator, "onLine", { get: () => true });
    one.window.dispatchEvent(new one.window.Event("online"));
    await one.settle();
    expect(names(one)).toEqual(["pageview", ...Array.from({ length: 8 }, (_, n) => `e${n}`)]);
    expect(one.urls.length).toBeGreaterThan(2);
  });
  it("a broken queue is no reason to stop", async () => {
    const one = page({ storage: { onepixel_queue: "{broken" } });
    await one.settle();
    expect(names(one)).toEqual(["pageview"]);
  });
  it("a page that is left sends a beacon, and keeps the event until somebody answers", async () => {
    const one = page();
    await one.settle();
    Object.defineProperty(one.window.document, "visibilityState", { get: () => "hidden" });
    call(one, "leaving");
    expect(JSON.parse(one.beacons[0] ?? "{}").events.map((sent: Sent) => sent.event)).toEqual(["leaving"]);
    expect(JSON.parse(one.window.localStorage.onepixel_queue)).toHaveLength(1);
  });
});
