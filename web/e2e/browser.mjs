// Opens Chromium for one script: no traffic but the script's, every request, every complaint and every dialog noted.
// The server is named by ONEPIXEL_URL with ONEPIXEL_TOKEN or ONEPIXEL_PASSWORD; without it the mock is started.
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
  const modules = process.env.ONEPIXEL_MODULES;
  return createRequire(modules ? join(modules, "node_modules/") : import.meta.url)("playwright-core");
}

/** The server under test; `mock` is null when it is a real one. */
export async function target(options = {}) {
  const url = process.env.ONEPIXEL_URL;
  if (url) return { url: url.replace(/\/$/, ""), token: process.env.ONEPIXEL_TOKEN ?? null, password: process.env.ONEPIXEL_PASSWORD ?? null, mock: null, close: async () => {} };
  const running = await start({ rate: 3, days: 16, password: PASSWORD, ...options });
  return { ...running, password: PASSWORD };
}

export async function open(options = {}) {
  const { chromium } = playwright();
  const browser = await chromium.launch({ executablePath: process.env.ONEPIXEL_CHROMIUM ?? "/usr/bin/chromium", headless: true, args: FLAGS });
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
    await page.locator('input[type="password"]').fill(server.password);
    await page.locator('button[type="submit"]').click();
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
    console.log(`ok ${name}`);
  } finally {
    await session.browser.close();
    await server.close();
  }
}
