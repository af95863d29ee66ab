import { afterEach, describe, expect, it, vi } from "vitest";
import { type TroubleKind, Trouble, ask, askEarly, asTrouble } from "../src/state/api";

afterEach(() => vi.unstubAllGlobals());

const answering = (answer: Response | Error) => {
  const fetched = vi.fn((_url: string, _init: RequestInit) => (answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)));
  vi.stubGlobal("fetch", fetched);
  return fetched;
};

async function troubleOf(answer: Response | Error, path = "event/1"): Promise<Trouble> {
  answering(answer);
  const error = await ask(path).then(() => null, (found: unknown) => found);
  expect(error).toBeInstanceOf(Trouble);
  return error as Trouble;
}

describe("every failure says which kind it is", () => {
  const table: [number, TroubleKind][] = [[400, "wrong"], [401, "signed_out"], [403, "forbidden"], [404, "missing"], [429, "limited"], [500, "broken"], [502, "broken"], [503, "off"]];
  for (const [status, kind] of table) {
    it(String(status), async () => {
      const trouble = await troubleOf(new Response('{"error":"what to do"}', { status, headers: { "Retry-After": "7" } }));
      expect([trouble.kind, trouble.message, trouble.status, trouble.retryAfter]).toEqual([kind, "what to do", status, 7]);
    });
  }
  it("404 from the live view", async () => expect((await troubleOf(new Response("{}", { status: 404 }), "overview?x=1")).kind).toBe("off"));
  it("a proxy's page", async () => expect((await troubleOf(new Response("<h1>Bad gateway", { status: 502 }))).message).toBe(""));
  it("no answer", async () => expect((await troubleOf(new TypeError("failed to fetch"))).kind).toBe("away"));
  it("an answer that is no JSON", async () => expect((await troubleOf(new Response("<html>"))).kind).toBe("broken"));
  it("given up on purpose is no trouble", () => expect(asTrouble(new DOMException("", "AbortError"))).toBeNull());
});

describe("asking", () => {
  it("gives the answer", async () => {
    answering(Response.json({ events: 1 }));
    expect(await ask("overview")).toEqual({ events: 1 });
  });
  it("gives what was asked early, once", async () => {
    const fetched = answering(Response.json({ events: 2 }));
    askEarly("overview?a");
    expect(await ask("overview?a")).toEqual({ events: 2 });
    answering(Response.json({ events: 3 }));
    expect(await ask("overview?a")).toEqual({ events: 3 });
    expect(fetched).toHaveBeenCalledTimes(1);
  });
  it("gives nothing for an empty answer", async () => {
    answering(new Response(null, { status: 204 }));
    expect(await ask("session", { method: "DELETE" })).toBeUndefined();
  });
  it("names itself where it changes something, and only there", async () => {
    const fetched = answering(new Response(null, { status: 204 }));
    await ask("tokens/1", { method: "DELETE" });
    expect((fetched.mock.calls[0]?.[1].headers as Record<string, string>)["X-Onepixel-Csrf"]).toBe("1");
    answering(Response.json([]));
    const read = answering(Response.json([]));
    await ask("tokens");
    expect(read.mock.calls[0]?.[1].headers).toEqual({ Accept: "application/json" });
  });
});
