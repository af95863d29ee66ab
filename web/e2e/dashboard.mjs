// The first screen: numbers, filters, chips, the back button, all rows, CSV, table twin, keyboard, theme, zones.
import assert from "node:assert/strict";
import { checkClean, run, seed, signIn, until } from "./browser.mjs";

const metric = (page, name) => page.locator(`.tile[data-metric="${name}"] b`).innerText();
const rows = (page, card) => page.locator(`[data-card="${card}"] .row .label`).allInnerTexts();

await run("dashboard", async ({ server, browser, context, requests, complaints }) => {
  const site = await seed(server);
  const page = await context.newPage();
  await signIn(page, server);
  await page.goto(`${server.url}/?site=${site}`);
  await until("views", () => metric(page, "views").catch(() => ""), (text) => text === "17");
  assert.equal(await metric(page, "events"), "20");
  assert.deepEqual(await until("pages", () => rows(page, "page"), (all) => all.length === 2), ["/a", "/b"]);

  await filters(page, site);
  await rowsAndFiles(page);
  await keyboard(page, site);
  await theme(page, context, server);
  await zones(browser, await context.storageState(), server, site);
  checkClean({ requests, complaints });
});

async function filters(page, site) {
  await page.locator('[data-card="page"] .row', { hasText: "/b" }).click();
  await until("views of /b", () => metric(page, "views"), (text) => text === "5");
  assert.equal(new URL(page.url()).searchParams.get("filter"), "page:/b");
  await page.locator('[data-card="event"] .row', { hasText: "pageview" }).click();
  assert.equal(await page.locator(".chip").count(), 2);
  await page.goBack();
  assert.equal(await page.locator(".chip").count(), 1);
  await page.goBack();
  await until("views after going back", () => metric(page, "views"), (text) => text === "17");
  assert.equal(await page.locator(".chip").count(), 0);
  await page.goForward();
  await until("views after going forward", () => metric(page, "views"), (text) => text === "5");
  // A shared link shows the same.
  const link = page.url();
  await page.goto(link);
  await until("views of a shared link", () => metric(page, "views").catch(() => ""), (text) => text === "5");
  await page.locator(".chip").click();
  await until("views without the chip", () => metric(page, "views"), (text) => text === "17");
  assert.equal(new URL(page.url()).searchParams.get("site"), site);
  // Classes narrow and come back; their counts stay.
  await page.locator(".classes button", { hasText: "Bot" }).click();
  await until("views of bots", () => metric(page, "views"), (text) => text === "0");
  assert.match(await page.locator(".classes button", { hasText: "Human" }).innerText(), /20|17|\d/);
  await page.locator(".classes button", { hasText: "All" }).click();
  await until("views of all", () => metric(page, "views"), (text) => text === "17");
}

async function rowsAndFiles(page) {
  for (const link of await page.locator("a[download]").all()) {
    const href = await link.getAttribute("href");
    const answer = await page.request.get(new URL(href, page.url()).href);
    assert.equal(answer.status(), 200, `${href}: ${await answer.text()}`);
  }
  await page.locator('[data-card="page"] footer button').click();
  const dialog = page.locator("dialog[open]");
  await dialog.locator("tbody tr").nth(1).waitFor();
  await dialog.locator('input[type="search"]').fill("/B");
  await until("rows that match", () => dialog.locator("tbody tr").count(), (count) => count === 1);
  await dialog.locator('input[type="search"]').fill("no such page");
  await dialog.locator(".nothing").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });

  const [download] = await Promise.all([page.waitForEvent("download"), page.locator('[data-card="page"] footer a').click()]);
  const text = await new Response(await download.createReadStream()).text();
  assert.match(text, /^\ufeff?value,/);
  assert.ok(text.includes("\r\n/a,") && text.includes("\r\n/b,"), text);

  await page.locator(".series-tools button", { hasText: "Table" }).click();
  const numbers = await page.locator(".series-box tbody tr td:nth-child(2)").allInnerTexts();
  assert.equal(numbers.reduce((sum, one) => sum + Number(one.replace(/\D/g, "")), 0), 17, "the table twin has the tile's views");
  await page.locator(".series-tools button", { hasText: "Chart" }).click();
  await page.locator(".series-box canvas").waitFor();
  const properties = page.locator('[data-card="properties"]');
  await until("properties", () => properties.innerText(), (found) => /plan\s*3/.test(found) && /pro\s*2/.test(found) && /free\s*1/.test(found));
}

async function keyboard(page, site) {
  await page.goto(page.url());
  await page.locator('[data-card="page"] .row').first().waitFor();
  await page.keyboard.press("2");
  assert.equal(await page.locator('.tile[aria-pressed="true"]').getAttribute("data-metric"), "visitors");
  await page.keyboard.press("w");
  assert.equal(new URL(page.url()).searchParams.get("range"), "7d");
  await page.keyboard.press("?");
  await page.locator("dialog[open] kbd").first().waitFor();
  await page.keyboard.press("w");
  await page.keyboard.press("Escape");
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  // A row is reached by Tab and chosen by Enter; what has the focus can be seen.
  const focused = () => page.evaluate(() => document.activeElement?.closest("[data-card='page']") !== null && document.activeElement?.classList.contains("row"));
  for (let presses = 0; presses < 60 && !(await focused()); presses += 1) await page.keyboard.press("Tab");
  assert.ok(await focused(), "Tab reaches a row");
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".chip").count(), 1);
  await page.keyboard.press("Escape");
  await until("filters cleared", () => page.locator(".chip").count(), (count) => count === 0);
  await page.keyboard.press("/");
  await page.locator('dialog[open] input[type="search"]').waitFor();
  await page.keyboard.type("/b");
  await until("rows found by keyboard", () => page.locator("dialog[open] tbody tr").count(), (count) => count === 1);
  await page.keyboard.press("Escape");
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  await page.keyboard.press("Shift+Digit2");
  await page.waitForURL(/\/pipeline/);
  assert.equal(new URL(page.url()).searchParams.get("site"), site, "the site stays chosen");
  await page.keyboard.press("Shift+Digit1");
}

async function theme(page, context, server) {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await ground();
  assert.notEqual(light, dark, "the system's choice");
  await page.emulateMedia({ colorScheme: "light" });
  await page.keyboard.press("g");
  await page.keyboard.press("g");
  await until("the viewer's choice", ground, (colour) => colour === dark);
  const other = await context.newPage();
  await other.emulateMedia({ colorScheme: "light" });
  await other.goto(`${server.url}/`);
  await other.locator("header.top").waitFor();
  assert.equal(await other.evaluate(() => document.documentElement.dataset.theme), "dark", "it is kept");
  await other.close();
  await page.keyboard.press("g");
}

/** Days begin at the viewer's midnight, also where a day has 23 or 25 hours. */
async function zones(browser, storageState, server, site) {
  const table = [
    ["Asia/Katmandu", "2026-03-01T00:00", "2026-03-03T00:00", 48], ["America/New_York", "2026-03-08T00:00", "2026-03-10T00:00", 47],
    ["Europe/Berlin", "2025-10-26T00:00", "2025-10-27T00:00", 25], ["Pacific/Auckland", "2026-04-05T00:00", "2026-04-06T00:00", 25],
  ];
  for (const [timezoneId, from, to, hours] of table) {
    const context = await browser.newContext({ timezoneId, storageState, viewport: { width: 1300, height: 900 } });
    const page = await context.newPage();
    await page.goto(`${server.url}/?site=${site}`);
    await page.locator("header.top").waitFor();
    await page.keyboard.press("c");
    const inputs = page.locator('dialog[open] input[type="datetime-local"]');
    await inputs.nth(0).fill(from);
    await inputs.nth(1).fill(to);
    const [answered] = await Promise.all([page.waitForResponse((one) => one.url().includes("/series?") && one.url().includes("to=")), page.locator("dialog[open] button.primary").click()]);
    const asked = new URL(answered.url()).searchParams;
    assert.equal(asked.get("zone"), timezoneId);
    assert.equal((Number(asked.get("to")) - Number(asked.get("from"))) / 3_600_000, hours, `${timezoneId}: hours`);
    await page.keyboard.press("v");
    await until(`${timezoneId}: rows`, () => page.locator(".series-box tbody tr").count(), (count) => count === hours);
    assert.match(await page.locator(".series-box tbody tr th").last().innerText(), /00:00/, `${timezoneId}: the first hour`);
    await context.close();
  }
}
