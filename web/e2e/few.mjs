// A dashboard that has no stream beside it, and a live view that counts instead of keeping events, as on AWS: what is
// not there is left out, not shown broken. Against a real server only if it is such a one (E2E_FEW=1).
import assert from "node:assert/strict";
import { checkClean, hit, run, signIn, until } from "./browser.mjs";

if (!process.env.E2E_URL || process.env.E2E_FEW) await run("few", async ({ server, context, requests, complaints }) => {
  const page = await context.newPage();
  const lacking = [];
  page.on("response", (answer) => { if (answer.status() >= 400 && answer.status() !== 401) lacking.push(`${answer.status()} ${answer.url()}`); });
  await signIn(page, server);
  if (server.mock) await hit(server, { event: "pageview", site: "few", page: "/few" });
  await page.goto(`${server.url}/?metric=visitors&filter=os:Linux`);
  await page.locator('[data-card="page"] .row').first().waitFor();
  await page.locator("#feed .hit").first().waitFor();
  assert.equal(await page.locator("#feed-state").innerText(), "every few seconds");
  // No visitors, no filter that is not known, no card that cannot be filled, no page that is not there.
  assert.deepEqual(await page.locator(".tile").evaluateAll((tiles) => tiles.map((tile) => tile.dataset.metric)), ["views", "events", "machine"]);
  assert.equal(await page.locator('.tile[aria-pressed="true"]').getAttribute("data-metric"), "views");
  assert.equal(await page.locator(".chips, .on-site, [data-card=properties]").count(), 0);
  assert.equal(await page.locator('[data-card="page"] .row').first().isDisabled(), true);
  assert.deepEqual(await page.locator("header.top nav a").allInnerTexts(), ["Dashboard", "Setup", "Access"]);
  await page.keyboard.press("v");
  assert.equal((await page.locator(".series table th[scope=col]").allInnerTexts()).some((name) => /visitor/i.test(name)), false);
  // A site is a filter everywhere.
  const site = page.locator('[data-card="site"] .row').first();
  await site.click();
  await until("the site in the address", () => new URL(page.url()).searchParams.get("site"), Boolean);
  await page.locator("#feed .hit").first().click();
  await page.locator("dialog .fields-of").waitFor();
  assert.equal(await page.locator("dialog a", { hasText: "inspector" }).count(), 0);
  await page.keyboard.press("Escape");
  // Whoever types the address of a page that is not there gets the dashboard.
  for (const place of ["/pipeline", "/inspector"]) {
    await page.goto(`${server.url}${place}`);
    await page.locator(".tiles").waitFor();
  }
  await page.goto(`${server.url}/setup`);
  await page.locator("#first-hit").waitFor();
  await page.goto(`${server.url}/?wall=1`);
  await page.locator(".wall .hits .hit").first().waitFor();
  assert.equal(await page.locator(".wall [data-now]").count(), 0);
  assert.deepEqual(lacking, []);
  assert.equal(requests.some((url) => /\/api\/v1\/(live|pipeline|requests|properties|event)\b/.test(url)), false);
  checkClean({ requests, complaints }, [/status of 401/]);
}, { server: { few: true } });
