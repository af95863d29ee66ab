// Opens Chromium for one script: no traffic but the script's, every request, every complaint and every dialog noted.
// The server is named by E2E_URL with E2E_TOKEN or E2E_PASSWORD; without it the mock is started.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { start } from "../mock/server.mjs";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];
export const PASSWORD = "correct horse battery staple";

/** Where playwright-core is: here, or in the folder that the caller names. */
function playwright() {
  const modules = process.env.E2E_MODULES;
  return createRequire(modules ? join(modules, "node_modules/") : import.meta.url)("playwright-core");
}

/** The server under test; `mock` is null when it is a real one. */
export async function target(options = {}) {
  const url = process.env.E2E_URL;
  if (url) return { url: url.replace(/\/$/, ""), token: process.env.E2E_TOKEN ?? null, password: process.env.E2E_PASSWORD ?? null, mock: null, close: async () => {} };
  const running = await start({ rate: 3, days: 16, password: PASSWORD, ...options });
  return { ...running, password: PASSWORD };
}

export async function open(options = {}) {
  const { chromium } = playwright();
  const browser = await chromium.launch({ executablePath: process.env.E2E_CHROMIUM ?? "/usr/bin/chromium", headless: true, args: FLAGS });
  const requests = [];
  const complaints = [];
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options });
  watch(context, requests, complaints);
  return { browser, context, requests, complaints };
}

export function watch(context, requests, complaints) {
  context.on("request", (request) => requests.push(request.url()));
  context.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  context.on("dialog", (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
}

/** Signs in by whatever was given, and waits for the first screen. */
export async function signIn(page, server) {
  if (server.password) {
    await page.goto(`${server.url}/`);
    await page.locator('.sign-in input[type="password"]').fill(server.password);
    await page.locator('.sign-in button[type="submit"]').click();
  } else await page.goto(`${server.url}/#token=${server.token}`);
  await page.locator("header.top").waitFor();
}

export function checkClean({ requests, complaints }, expected = []) {
  for (const url of requests) assert.match(url, /^(http:\/\/127\.0\.0\.1:|data:|blob:)/, `a call to another host: ${url}`);
  assert.deepEqual(complaints.filter((one) => !expected.some((pattern) => pattern.test(one))), [], "the browser's console");
}

/** Sends an event to the server the way a page does. */
export async function hit(server, event) {
  const answer = await fetch(`${server.url}/e`, { method: "POST", body: JSON.stringify({ events: [event] }) });
  assert.equal(answer.status, 202);
}

/** Runs one script to its end; the server and the browser are closed in any case. */
export async function run(name, act, { server: serverOptions, browser: browserOptions } = {}) {
  const server = await target(serverOptions);
  const session = await open(browserOptions);
  try {
    await act({ server, ...session });
    console.log(`ok ${name} at ${server.url}`);
  } finally {
    await session.browser.close();
    await server.close();
  }
}

const AGENTS = {
  chrome: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
  firefox: "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
};

/** A site of its own with known traffic: 12 views of /a by Chrome, 5 of /b by Firefox, 3 sign-ups with a plan. */
export async function seed(server, site = `site-${process.pid}`) {
  const send = async (agent, events) => {
    const answer = await fetch(`${server.url}/e`, { method: "POST", headers: { "User-Agent": AGENTS[agent], "Content-Type": "application/json" }, body: JSON.stringify({ events }) });
    assert.equal(answer.status, 202);
  };
  const view = (path, n) => Array.from({ length: n }, () => ({ event: "pageview", site, page: `https://example.org${path}`, ref: "https://news.example.net/", title: `Page ${path}` }));
  await send("chrome", view("/a", 12));
  await send("firefox", view("/b", 5));
  await send("chrome", ["pro", "pro", "free"].map((plan) => ({ event: "signup", site, page: "https://example.org/a", props: { plan } })));
  return site;
}

/** Waits until what `find` returns passes `test`, and gives it; the last value is in the failure. */
export async function until(what, find, test, patience = 15_000) {
  const end = Date.now() + patience;
  let found;
  while (Date.now() < end) {
    found = await find();
    if (test(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what}: still ${JSON.stringify(found)} after ${patience} ms`);
}
