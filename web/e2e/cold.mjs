// How long a cold page takes: from the navigation to the numbers on the screen, in a new browser with an empty profile that
// holds nothing but a session. `node e2e/cold.mjs ROUNDS EVENTS` sends so many events first; a limit of requests is in the way.
import { checkClean, open, target, until } from "./browser.mjs";

const [rounds, events] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 0)];
const TOGETHER = 500;
const SETTLE_MS = 1000;
const below = (count, skew = 1) => Math.floor(count * Math.random() ** skew);

async function fill(server) {
  for (let left = events; left > 0; left -= TOGETHER) {
    const some = Array.from({ length: Math.min(left, TOGETHER) }, () => ({
      event: below(25) ? "pageview" : "signup", site: `site-${below(3, 2)}`, page: `https://example.org/page-${below(2000, 3)}`,
      ref: `https://site-${below(300, 3)}.example/`, visitor: `visitor-${below(200_000)}`, ...(below(10) === 0 && { utm_campaign: `campaign-${below(20, 2)}` }),
    }));
    const answer = await fetch(`${server.url}/e`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ events: some }) });
    if (answer.status !== 202) throw new Error(`POST /e: ${answer.status} ${await answer.text()}`);
  }
}

async function session(server) {
  const body = JSON.stringify(server.password ? { password: server.password } : { token: server.token });
  const answer = await fetch(`${server.url}/api/v1/session`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  if (answer.status !== 200) throw new Error(`signing in: ${answer.status} ${await answer.text()}`);
  const [name, value] = answer.headers.get("set-cookie").split(";")[0].split("=");
  return { name, value, url: server.url };
}

/** Notes in the page when the first number is on the screen: in the frame after the one that it was written in. */
function watchNumbers() {
  new MutationObserver((_, observer) => {
    if (!/\d/.test(document.querySelector('.tile[data-metric="views"] b')?.textContent ?? "")) return;
    observer.disconnect();
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { globalThis.shownAt = performance.now(); };
    requestAnimationFrame(() => port2.postMessage(null));
  }).observe(document, { subtree: true, childList: true, characterData: true });
}

async function load(server, cookie) {
  const { browser, context, requests, complaints } = await open();
  try {
    await context.addCookies([cookie]);
    const page = await context.newPage();
    await page.addInitScript(watchNumbers);
    // A browser that is still starting is busy with itself, and whoever asks a page for its state keeps it busy.
    await page.waitForTimeout(SETTLE_MS);
    await page.goto(`${server.url}/`, { waitUntil: "commit" });
    await page.waitForTimeout(SETTLE_MS);
    const shown = await until("numbers", () => page.evaluate(() => globalThis.shownAt), (at) => at !== undefined);
    const views = await page.locator('.tile[data-metric="views"] b').innerText();
    checkClean({ requests, complaints });
    return [shown, views];
  } finally {
    await browser.close();
  }
}

const server = await target();
try {
  await fill(server);
  const cookie = await session(server);
  const all = [];
  for (let round = 0; round < rounds; round += 1) {
    const [shown, views] = await load(server, cookie);
    all.push(shown);
    console.log(`${shown.toFixed(0)} ms, ${views} views`);
  }
  all.sort((a, b) => a - b);
  console.log(`median ${all[Math.floor(all.length / 2)].toFixed(0)} ms`);
} finally {
  await server.close();
}
