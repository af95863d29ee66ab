// Somebody looks at the dashboard while somebody else opens a page that carries the snippet.

import { createServer } from "node:http";
import { given, run } from "./open.mjs";

function serve(html) {
  return new Promise((resolve) => {
    const server = createServer((request, response) => {
      response.setHeader("Content-Type", "text/html; charset=utf-8");
      response.end(html);
    });
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

const html = `<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,"><h1>A page</h1>${given.snippet}`;
const site = await serve(html);

await run(async (context) => {
  const dashboard = await context.newPage();
  await dashboard.goto(given.dashboard);
  await dashboard.locator("header.top").waitFor({ timeout: 15000 });
  const address = dashboard.url();
  // Who signs in by the link is asked for a password first.
  await dashboard.goto(new URL("/", address).href);
  await dashboard.locator("#feed-state.live").waitFor({ timeout: 15000 });
  await dashboard.evaluate(() => { globalThis.neverReloaded = true; });

  const page = await context.newPage();
  const answered = page.waitForResponse((response) => response.url().includes("/p.gif"));
  await page.goto(`http://127.0.0.1:${site.address().port}/articles/one?from=test`);
  const answer = await answered;
  const at = Date.now();
  const { "x-event-id": id, "content-type": type } = answer.headers();
  const pixel = await page.locator("img").evaluate((img) => ({ complete: img.complete, width: img.naturalWidth }));

  await dashboard.bringToFront();
  const row = dashboard.locator(`#feed li[data-id="${id}"]`);
  await row.waitFor({ state: "attached", timeout: 10000 });
  const shownAfterMs = Date.now() - at;
  const rowText = await row.innerText();
  await dashboard.locator('[data-metric="views"] b', { hasText: /^1$/ }).waitFor({ timeout: 15000 });
  const neverReloaded = await dashboard.evaluate(() => globalThis.neverReloaded === true);
  return { id, type, status: answer.status(), pixel, shownAfterMs, rowText, neverReloaded, address };
});
site.close();
