// What the page says when something is wrong, what it does about it by itself, and the first minutes of a new server.
import assert from "node:assert/strict";
import { checkClean, hit, run, signIn, until } from "./browser.mjs";
import { cuttable } from "./cut.mjs";

const NETWORK = [/ERR_(CONNECTION|EMPTY|INCOMPLETE|SOCKET)/, /the server responded with a status of (400|401|404|429|502|503)/];

// A real server is either one with a password and some traffic, or a new one with nothing but its one-time token.
const isNew = process.env.E2E_URL && !process.env.E2E_PASSWORD;
const isOld = process.env.E2E_PASSWORD;

if (!isNew) await run("trouble", async ({ server, context, requests, complaints }) => {
  const between = await cuttable(server.url);
  try {
    const page = await context.newPage();
    await signIn(page, { ...server, url: between.url });
    await hit(server, { event: "pageview", site: "t", page: "/kept" });
    await page.goto(`${between.url}/?site=t`);
    await page.locator('[data-card="page"] .row', { hasText: "/kept" }).waitFor();
    // Away: the numbers stay, the reason is said, and it comes back without a reload.
    await page.evaluate(() => { globalThis.neverReloaded = true; });
    between.cut();
    await page.keyboard.press("w");
    await page.locator(".trouble.away").first().waitFor();
    await page.locator("#feed-state.away").waitFor();
    between.restore();
    await page.locator(".trouble").first().waitFor({ state: "detached", timeout: 30_000 });
    await page.locator('[data-card="page"] .row', { hasText: "/kept" }).waitFor();
    assert.equal(await page.evaluate(() => globalThis.neverReloaded), true);

    await answeredWith(page, 503, { error: "the live view is off" }, ".trouble.off", "the live view is off");
    await answeredWith(page, 429, { error: "slow down" }, ".trouble.limited", "slow down");
    await answeredWith(page, 400, { error: "<b>from</b> has to be before to" }, ".trouble.wrong", "<b>from</b>");
    await answeredWith(page, 404, { error: "the live view is off (live.enabled = false)" }, ".trouble.off", "live.enabled");
    await answeredWith(page, 502, "<html>a proxy's page</html>", ".trouble.broken", "");
    // An answer that nobody expected costs its card, not the page.
    await page.route("**/api/v1/top?*", (route) => route.fulfill({ status: 200, contentType: "application/json", body: '{"dimension":"page","rows":7}' }));
    await page.keyboard.press("w");
    await page.locator(".cards > .trouble.broken").first().waitFor();
    await page.locator("#feed .hit").first().waitFor();
    await page.unroute("**/api/v1/top?*");
    // The session ended elsewhere: the sign-in is there, and leads back to where one was.
    await context.clearCookies();
    await page.keyboard.press("d");
    await page.locator('.sign-in input[type="password"]').waitFor();
    checkClean({ requests, complaints }, NETWORK);
  } finally {
    between.close();
  }
});

async function answeredWith(page, status, body, selector, said) {
  await page.route("**/api/v1/overview?*", (route) => route.fulfill({ status, contentType: "application/json", body: typeof body === "string" ? body : JSON.stringify(body) }));
  await page.keyboard.press("l");
  const box = page.locator(`main > ${selector}`);
  await box.waitFor();
  assert.ok((await box.innerText()).includes(said), await box.innerText());
  await page.unroute("**/api/v1/overview?*");
  await page.keyboard.press("t");
  await box.waitFor({ state: "detached" });
}

if (!isOld) {
  await run("a new server", async ({ server, context, requests, complaints }) => {
    const page = await context.newPage();
    // The one-time link, a password, the snippet, the first hit.
    await page.goto(`${server.url}/#token=${server.token}`);
    await page.waitForURL(/\/access/);
    await page.locator("#password .warning").waitFor();
    await page.goto(`${server.url}/`);
    await page.locator(".welcome .primary").click();
    await page.waitForURL(/\/setup/);
    await page.locator('#first-hit[data-arrived="false"]').waitFor();
    const snippet = await page.locator(".code pre").first().innerText();
    assert.ok(snippet.includes(`${server.url}/p.js`) && snippet.includes('data-site="my-site"'), snippet);
    await page.waitForTimeout(500);
    await fetch(`${server.url}/p.gif?site=my-site&page=/first`);
    await page.locator('#first-hit[data-arrived="true"]').waitFor({ timeout: 3000 });
    await page.locator("header.top nav a").first().click();
    await until("the first view", () => page.locator('.tile[data-metric="views"] b').innerText().catch(() => ""), (text) => text === "1");
    assert.equal(await page.locator(".welcome").count(), 0);
    checkClean({ requests, complaints });
  }, { server: { empty: true, rate: 0, password: "" } });
}
