// The live feed: within a second, without a gap or a double over a cut connection, held back while somebody reads,
// honest where hits had to be left out, and as a wall.
import assert from "node:assert/strict";
import { checkClean, hit, run, signIn, until } from "./browser.mjs";
import { cuttable } from "./cut.mjs";

const site = `live-${process.pid}`;
const shown = async (page) => (await page.locator("#feed .hits .what").allInnerTexts()).map((text) => text.trim());
let number = 0;
const send = async (server, count = 1) => {
  const names = Array.from({ length: count }, () => `hit-${(number += 1)}`);
  for (let at = 0; at < names.length; at += 500) {
    const events = names.slice(at, at + 500).map((event) => ({ event, site, page: "/p" }));
    const answer = await fetch(`${server.url}/e`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ events }) });
    assert.equal(answer.status, 202);
  }
  return names;
};

await run("live", async ({ server, context, requests, complaints }) => {
  const between = await cuttable(server.url);
  try {
    const page = await context.newPage();
    await signIn(page, { ...server, url: between.url });
    await page.goto(`${between.url}/?site=${site}`);
    await page.locator("#feed-state.live").waitFor();
    await page.mouse.move(5, 5);
    await page.locator("#feed .nothing").waitFor();

    await hit(server, { event: "first", site, page: "/p" });
    const before = Date.now();
    await page.locator("#feed .what", { hasText: "first" }).waitFor({ timeout: 5000 });
    assert.ok(Date.now() - before < 1500, `${Date.now() - before} ms until a hit was shown`);

    await cutAndRestored(page, server, between);
    await heldBack(page, server);
    await leftOut(page, server, between);
    await wall(page, server);
    checkClean({ requests, complaints }, [/ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|ERR_CONNECTION_CLOSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_SOCKET_NOT_CONNECTED/]);
  } finally {
    between.close();
  }
});

async function cutAndRestored(page, server, between) {
  const early = await send(server, 3);
  await page.locator("#feed .what", { hasText: early[2] }).waitFor();
  between.cut();
  await page.locator("#feed-state.away").waitFor();
  const missed = await send(server, 30);
  between.restore();
  await page.locator("#feed-state.live").waitFor({ timeout: 40_000 });
  const late = await send(server, 2);
  await page.locator("#feed .what", { hasText: late[1] }).waitFor();
  const expected = [...early, ...missed, ...late].reverse();
  assert.deepEqual((await shown(page)).slice(0, expected.length), expected, "no gap and no double");
}

async function heldBack(page, server) {
  await page.locator("#feed .hits").hover();
  const names = await send(server, 4);
  await until("hits that wait", () => page.locator("[data-waiting]").getAttribute("data-waiting"), (count) => count === "4");
  assert.ok(!(await shown(page)).includes(names[0]), "nothing moves under the pointer");
  await page.mouse.move(5, 5);
  await page.locator("#feed .what", { hasText: names[3] }).waitFor();

  await page.locator("#feed header button", { hasText: "Pause" }).click();
  await page.mouse.move(5, 5);
  const paused = await send(server, 2);
  await until("hits that wait", () => page.locator("[data-waiting]").getAttribute("data-waiting"), (count) => count === "2");
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("p");
  await page.locator("#feed .what", { hasText: paused[1] }).waitFor();
  assert.equal((await shown(page)).filter((one) => one === paused[0]).length, 1);
}

async function leftOut(page, server, between) {
  between.cut();
  await page.locator("#feed-state.away").waitFor();
  const names = await send(server, 1300);
  between.restore();
  await page.locator("#feed .what", { hasText: names.at(-1) }).first().waitFor({ timeout: 40_000 });
  // What was left out is older than what the page keeps; the newest are there, in order.
  const found = await shown(page);
  assert.deepEqual(found.slice(0, 50), names.slice(-50).reverse());
}

async function wall(page, server) {
  await page.keyboard.press("f");
  await page.locator(".wall").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("wall"), "1");
  await until("full screen", () => page.evaluate(() => document.fullscreenElement !== null), (on) => on === true);
  const [name] = await send(server);
  await page.locator(".wall .what", { hasText: name }).waitFor({ timeout: 5000 });
  assert.match(await page.locator(".wall [data-now]").innerText(), /^\d/);
  await page.locator(".wall button").click();
  await page.locator(".wall").waitFor({ state: "detached" });
  assert.equal(new URL(page.url()).searchParams.get("wall"), null);
}
