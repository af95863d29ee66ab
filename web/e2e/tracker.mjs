// p.js in a browser: a site of several pages, a single-page site, without JavaScript, offline and back, a server that was
// away, under a strict policy, with Global Privacy Control, and on a page that is left.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { checkClean, run, signIn, until } from "./browser.mjs";

const site = `tracker-${process.pid}`;

/** Somebody's site: every path is a page that carries the snippet, under the strictest policy that lets it work. */
async function somebodysSite(server) {
  const pages = createServer((request, response) => {
    if (request.url === "/app.js") {
      response.setHeader("Content-Type", "text/javascript");
      return response.end('document.querySelector("#go").addEventListener("click", () => { history.pushState({}, "", "/app/second"); document.title = "Second"; });');
    }
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.setHeader("Content-Security-Policy", `default-src 'none'; script-src 'self' ${server.url}; connect-src ${server.url}; img-src data: ${server.url}`);
    response.end(`<!doctype html><html lang="en"><title>Page ${request.url}</title><link rel="icon" href="data:,">
      <script defer src="${server.url}/p.js" data-site="${site}"></script><noscript><img src="${server.url}/p.gif?site=${site}" alt="" width="1" height="1" referrerpolicy="no-referrer-when-downgrade"></noscript>
      <script defer src="/app.js"></script><h1>A page</h1><a id="next" href="/two">Next</a><button id="go">Go</button>
      <button id="buy" data-onepixel-event="buy" data-onepixel-prop-plan="pro">Buy</button><a id="out" href="/three" data-onepixel-event="leave">Out</a></html>`);
  });
  await new Promise((resolve) => pages.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${pages.address().port}`, close: () => { pages.closeAllConnections(); pages.close(); } };
}

await run("tracker", async ({ server, browser, context, requests, complaints }) => {
  const there = await somebodysSite(server);
  const owner = await context.newPage();
  await signIn(owner, server);
  const stored = async () => (await (await owner.request.get(`${server.url}/api/v1/recent?site=${site}&limit=200`)).json()).reverse().map(({ event }) => event);
  const after = async (count) => (await until(`${count} events`, stored, (all) => all.length >= count)).slice();
  try {
    const visitor = await browser.newContext();
    const page = await visitor.newPage();
    const errors = [];
    page.on("console", (message) => { if (message.type() === "error") errors.push(message.text()); });

    await page.goto(`${there.url}/one?utm_source=mail`);
    await after(1);
    await page.locator("#next").click();
    await page.waitForURL(/two/);
    let all = await after(2);
    assert.deepEqual(all.map((one) => [one.event, one.page_path, one.title]), [["pageview", "/one", "Page /one?utm_source=mail"], ["pageview", "/two", "Page /two"]]);
    assert.equal(all[1].referrer_url?.startsWith(there.url), true, "the page before");

    await page.locator("#buy").click();
    all = await after(3);
    assert.deepEqual([all[2].event, all[2].props], ["buy", { plan: "pro" }]);
    await page.locator("#go").click();
    all = await after(4);
    assert.deepEqual([all[3].event, all[3].page_path, all[3].title], ["pageview", "/app/second", "Second"]);
    await page.goBack();
    all = await after(5);
    assert.equal(all[4].page_path, "/two");
    await page.evaluate(() => globalThis.onepixel("from-code", { nested: { a: 1 } }));
    all = await after(6);
    assert.equal(all[5].event, "from-code");
    // A click that leaves the page is counted, and so is the page it leads to.
    await page.locator("#out").click();
    await page.waitForURL(/three/);
    all = await after(8);
    assert.deepEqual(all.slice(6).map((one) => one.event).sort(), ["leave", "pageview"]);

    await offline(visitor, page, stored, after);
    assert.deepEqual(await visitor.cookies(), [], "no cookies");
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), ["onepixel_queue"]);
    assert.deepEqual(errors.filter((one) => !/ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_FAILED/.test(one)), [], "the page's console, under its policy");
    await visitor.close();
    await refused(browser, there, stored);
    await withoutScript(browser, there, stored, after);
    checkClean({ requests, complaints });
  } finally {
    there.close();
  }
});

async function offline(visitor, page, stored, after) {
  const before = (await stored()).length;
  await visitor.setOffline(true);
  await page.locator("#buy").click();
  await page.locator("#buy").click();
  await page.waitForTimeout(300);
  assert.equal((await stored()).length, before, "nothing gets out");
  await visitor.setOffline(false);
  const all = await after(before + 2);
  assert.deepEqual(all.slice(before).map((one) => one.event), ["buy", "buy"]);
  await until("an empty queue", () => page.evaluate(() => localStorage.onepixel_queue), (text) => text === "[]");

  // The answer gets lost: the event is sent again with its id, and is counted once.
  await page.route("**/e", async (route) => {
    await route.fetch();
    await route.abort("connectionfailed");
  });
  await page.locator("#buy").click();
  await after(before + 3);
  await page.unroute("**/e");
  await page.reload();
  await after(before + 4);
  await until("an empty queue", () => page.evaluate(() => localStorage.onepixel_queue), (text) => text === "[]");
  const found = (await stored()).slice(before);
  assert.deepEqual(found.map((one) => one.event), ["buy", "buy", "buy", "pageview"], "a retry counts once");
  assert.equal(new Set(found.map((one) => one.id)).size, 4);
}

async function refused(browser, there, stored) {
  const before = (await stored()).length;
  for (const script of ["Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { value: true })", "try { localStorage.onepixel_ignore = 'true' } catch {}"]) {
    const visitor = await browser.newContext();
    await visitor.addInitScript(script);
    const page = await visitor.newPage();
    await page.goto(`${there.url}/private`);
    await page.locator("#buy").click();
    await page.waitForTimeout(400);
    assert.equal(await page.evaluate(() => typeof globalThis.onepixel), "function", "calls still work");
    await visitor.close();
  }
  assert.equal((await stored()).length, before, "who does not want to be counted is not");
}

async function withoutScript(browser, there, stored, after) {
  const before = (await stored()).length;
  const visitor = await browser.newContext({ javaScriptEnabled: false });
  const page = await visitor.newPage();
  await page.goto(`${there.url}/plain`);
  const all = await after(before + 1);
  assert.deepEqual([all.at(-1).source, all.at(-1).event, all.at(-1).page_path], ["pixel", "pageview", "/plain"]);
  await visitor.close();
}
