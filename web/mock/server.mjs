// A server with the API of onepixel and made-up traffic, for working on the dashboard without building the server.
// Serves dist/ under the real Content-Security-Policy; `npm run dev` serves the sources in front of it instead.
//
//   node mock/server.mjs [--port 8089] [--rate 1.5] [--days 15] [--empty] [--few]
//
// For tests: POST /mock/drop cuts the live feeds, /mock/away?on=1 answers 503, /mock/hit stores the event in its body.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Access } from "./access.mjs";
import { event as invent, history, random } from "./data.mjs";
import { Live } from "./live.mjs";
import { pipeline, setup } from "./operations.mjs";
import * as questions from "./questions.mjs";

export const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png" };
const GIF = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");
const FILTERS = ["page", "host", "title", "referrer", "group", "source", "medium", "campaign", "term", "content", "browser", "os", "device", "country", "language", "event", "site", "class"];
const WHOLE = {
  view: { dimensions: [...FILTERS, "entry", "exit"], filters: FILTERS, visitors: true, properties: true, every_event: true, sums_step_ms: 1, top_step_ms: 1 },
  feed: true, pipeline: true, inspector: true,
};
/** As on AWS: counters instead of events, and no stream beside it. */
const FEW = {
  view: { dimensions: ["page", "referrer", "browser", "country", "event", "site"], filters: ["site", "class"], visitors: false, properties: false, every_event: false, sums_step_ms: 60_000, top_step_ms: 3_600_000 },
  feed: false, pipeline: false, inspector: false,
};
const REQUESTS_MAX = 500;
const BODY_MAX = 1 << 20;

export async function start({ port = 0, rate = 1.5, days = 15, empty = false, seed = 7, password = "", few = false } = {}) {
  const events = empty ? [] : history(Date.now(), days, seed);
  const access = new Access(password);
  const mock = { events, requests: [], rejected: new Map(), known: new Set(), away: false, access, live: new Live(events), few, started: Date.now() };
  const server = createServer((request, response) => {
    answer(mock, request, response).catch((error) => {
      const status = error instanceof questions.Wrong ? 400 : 500;
      if (status === 500) console.error(error);
      json(response, status, { error: error.message });
    });
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const next = random(Date.now());
  const timer = rate > 0 ? setInterval(() => {
    for (let left = rate / 5; left > next(); left -= 1) {
      const made = invent(next, Date.now());
      const isPixel = made.source === "pixel";
      store(mock, made, { door: made.source, method: isPixel ? "GET" : "POST", path: isPixel ? "/p.gif" : "/e", query: isPixel ? asQuery(made) : "", status: isPixel ? 200 : 202 });
      if (next() < 0.03) remember(mock, { at_ms: Date.now(), door: "api", method: "POST", path: "/e", query: "", address: made.ip, status: 400, reason: "malformed", detail: "not JSON: expected value at line 1 column 1", offset: null, event_id: null, class: null, headers: { "user-agent": "curl/8.5.0", "content-type": "application/json" } });
    }
  }, 200) : undefined;
  const url = `http://127.0.0.1:${server.address().port}`;
  const close = () => {
    clearInterval(timer);
    mock.live.close();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url, token: access.oneTime, mock, close };
}

/** The query string that would have made this event. */
function asQuery(event) {
  const given = { site: event.site, page: event.page_url ?? event.page_path, ref: event.referrer_url, title: event.title, utm_source: event.utm_source, utm_medium: event.utm_medium, utm_campaign: event.utm_campaign };
  return new URLSearchParams(Object.entries(given).filter(([, value]) => value)).toString();
}

function json(response, status, body, headers = {}) {
  response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store", ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

function store(mock, event, { door, method, path, query, status, headers = {} }) {
  const offset = mock.events.length;
  mock.events.push(event);
  remember(mock, { at_ms: Date.now(), door, method, path, query, address: event.ip ?? "192.0.2.0", status, reason: null, offset, event_id: event.id, class: event.class, headers: { "user-agent": event.user_agent ?? "", ...headers } });
  mock.live.push(offset, event);
  return event.id;
}

function remember(mock, request) {
  mock.requests.unshift(request);
  if (mock.requests.length > REQUESTS_MAX) mock.requests.pop();
  if (request.reason) mock.rejected.set(request.reason, (mock.rejected.get(request.reason) ?? 0) + 1);
}

async function body(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BODY_MAX) throw new questions.Wrong("the body is over 1 MiB");
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

async function answer(mock, request, response) {
  const url = new URL(request.url, `http://${request.headers.host}`);
  if (url.pathname.startsWith("/mock/")) return control(mock, request, response, url);
  if (url.pathname === "/p.gif") return pixel(mock, request, response, url);
  if (url.pathname === "/e") return take(mock, request, response);
  if (url.pathname.startsWith("/api/v1/")) return api(mock, request, response, url);
  return file(response, url.pathname);
}

async function control(mock, request, response, url) {
  if (url.pathname === "/mock/drop") mock.live.drop();
  if (url.pathname === "/mock/away") mock.away = url.searchParams.get("on") === "1";
  if (url.pathname === "/mock/hit") {
    const given = JSON.parse((await body(request)) || "{}");
    const plain = { id: randomUUID(), received_at: new Date().toISOString(), source: "pixel", event: "pageview", site: "blog", class: "human", visitor: "test", props: {}, flags: [] };
    store(mock, { ...plain, ...given }, { door: "pixel", method: "GET", path: "/p.gif", query: "", status: 200 });
  }
  json(response, 200, { events: mock.events.length });
}

function fromHit(request, site, fields) {
  const page = URL.canParse(fields.page ?? "") ? new URL(fields.page) : null;
  const agent = request.headers["user-agent"] ?? "";
  const found = {
    id: fields.id ?? randomUUID(), received_at: new Date().toISOString(), sent_at: fields.sent_at, source: fields.source, event: fields.event ?? "pageview", site,
    page_url: fields.page, page_host: page?.host, page_path: page ? page.pathname : fields.page, title: fields.title, referrer_url: fields.ref,
    referrer_host: URL.canParse(fields.ref ?? "") ? new URL(fields.ref).host : undefined, user_agent: agent, browser: /Chrome/.test(agent) ? "Chrome" : undefined,
    class: "human", class_reasons: [], visitor: "here", ip: "127.0.0.0", props: fields.props ?? {}, flags: [],
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

function pixel(mock, request, response, url) {
  const asked = Object.fromEntries(url.searchParams);
  const { site, id, page, ref, title, event, ...props } = asked;
  const made = fromHit(request, site ?? id ?? "default", { page: page ?? request.headers.referer, ref, title, event, props, source: "pixel" });
  const stored = store(mock, made, { door: "pixel", method: "GET", path: url.pathname, query: url.search.slice(1), status: 200 });
  response.writeHead(200, { "Content-Type": "image/gif", "Cache-Control": "no-store", "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin", "X-Event-Id": stored });
  response.end(GIF);
}

async function take(mock, request, response) {
  const cors = { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*" };
  if (request.method === "OPTIONS") return json(response, 204, undefined, cors);
  const refused = (status, reason) => {
    remember(mock, { at_ms: Date.now(), door: "api", method: request.method, path: "/e", query: "", address: "127.0.0.0", status, reason, offset: null, event_id: null, class: null, headers: { "user-agent": request.headers["user-agent"] ?? "" } });
    json(response, status, { error: reason }, cors);
  };
  if (mock.away) return refused(503, "the disk is at its watermark");
  let given;
  try {
    given = JSON.parse(await body(request));
  } catch {
    return refused(400, "the body is not JSON");
  }
  const list = given.events ?? (Array.isArray(given) ? given : [given]);
  if (list.length > 500) return refused(400, "more than 500 events");
  const ids = [];
  for (const one of list) {
    if (one.id && mock.known.has(one.id)) {
      ids.push(one.id);
      continue;
    }
    if (one.id) mock.known.add(one.id);
    ids.push(store(mock, fromHit(request, one.site ?? "default", { ...one, source: "api" }), { door: "api", method: "POST", path: "/e", query: "", status: 202 }));
  }
  json(response, 202, { accepted: ids.length, ids, rejected: [] }, cors);
}

async function api(mock, request, response, url) {
  const path = url.pathname.slice("/api/v1/".length);
  const asked = url.searchParams;
  const given = request.method === "GET" || request.method === "DELETE" ? "" : await body(request);
  if (await mock.access.handle(path, request, given, asked, (status, answer, headers) => json(response, status, answer, headers))) return undefined;
  if (mock.away) return json(response, 503, { error: "the live view is catching up" }, { "Retry-After": "2" });
  const session = mock.access.sessionOf(request, asked);
  if (!session.signed_in) return json(response, 401, { error: "not signed in" });
  if (session.site) asked.set("site", session.site);
  const now = Date.now();
  const inScope = path === "sites" ? () => true : questions.scopeOf(asked);
  const withOffset = mock.events.map((event, offset) => ({ offset, event }));
  const plainAnswers = {
    sites: () => questions.sites(mock.events).filter((one) => !session.site || one.site === session.site),
    overview: () => questions.overview(mock.events, asked, now),
    series: () => questions.series(mock.events, asked, now),
    top: () => questions.top(mock.events, asked, now),
    properties: () => questions.properties(mock.events, asked, now),
    recent: () => withOffset.filter(({ event }) => inScope(event)).slice(-questions.limitOf(asked, 50, 500)).reverse(),
  };
  const make = plainAnswers[path];
  if (make) {
    if (mock.few) refuseLacking(path, asked);
    const answer = mock.few ? fewer(make()) : make();
    if (asked.get("format") !== "csv") return json(response, 200, answer);
    response.writeHead(200, { "Content-Type": "text/csv; charset=utf-8", "Cache-Control": "no-store", "Content-Disposition": `attachment; filename="onepixel-${path}.csv"` });
    return response.end(questions.csv(answer));
  }
  if (path === "capabilities") return json(response, 200, mock.few ? FEW : WHOLE);
  if (mock.few && /^(live$|pipeline$|requests$|event\/)/.test(path)) return json(response, 404, { error: "this dashboard is not in one process with a stream" });
  if (path === "live") return mock.live.follow(request, response, inScope, asked, () => questions.nowOf(mock.events, asked, Date.now()));
  if (session.scope === "public") return json(response, 403, { error: "a public link shows one site's dashboard only" });
  if (path === "pipeline") return json(response, 200, pipeline(mock));
  if (path === "setup") return json(response, 200, setup(mock, request));
  if (path === "requests") {
    const found = mock.requests.filter((one) => (!asked.get("id") || one.event_id === asked.get("id")) && (!asked.get("address") || one.address === asked.get("address")));
    return json(response, 200, found.slice(0, Number(asked.get("limit") ?? 100)));
  }
  const offset = /^event\/(\d+)$/.exec(path)?.[1];
  if (offset && withOffset[Number(offset)]) return json(response, 200, withOffset[Number(offset)]);
  return json(response, 404, { error: `there is no ${path}` });
}

/** As a store of counters refuses. */
function refuseLacking(path, asked) {
  const wrong = asked.getAll("filter").find((one) => !FEW.view.filters.includes(one.split(":")[0]));
  if (wrong) throw new questions.Wrong(`this live view does not filter by ${wrong}`);
  if (path === "properties" || (path === "top" && (!FEW.view.dimensions.includes(asked.get("dimension")) || asked.get("order") === "visitors"))) {
    throw new questions.Wrong(`this live view does not tell ${path} of ${asked}`);
  }
}

/** As such a store answers: without visitors, and without places in a stream. */
const fewer = (answer) => JSON.parse(JSON.stringify(answer, (name, value) => (["visitors", "now", "offset"].includes(name) ? null : value)));

async function file(response, path) {
  const name = normalize(path).replace(/^\/+/, "");
  const isAsset = name.startsWith("assets/") || name === "p.js";
  try {
    const content = await readFile(join(DIST, isAsset ? name : "index.html"));
    response.writeHead(200, {
      "Content-Type": isAsset ? TYPES[extname(name)] ?? "application/octet-stream" : TYPES[".html"], "Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer",
      "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": name === "p.js" ? "cross-origin" : "same-origin",
    });
    response.end(content);
  } catch {
    response.writeHead(404, { "Content-Type": "text/plain" });
    response.end("not built yet: npm run build\n");
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { port: { type: "string" }, rate: { type: "string" }, days: { type: "string" }, empty: { type: "boolean" }, few: { type: "boolean" }, password: { type: "string" } } });
  const running = await start({
    port: Number(values.port ?? 8089), rate: Number(values.rate ?? 1.5), days: Number(values.days ?? 15), empty: values.empty === true, few: values.few === true, password: values.password ?? "",
  });
  console.log(`Mock  ${running.url}/#token=${running.token}`);
}
