// Everything a stranger controls is text: markup, scripts, bidirectional and invisible characters, long strings, invalid
// UTF-8 and formulas, in every field, on every page, in the address bar and in the CSV.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { checkClean, run, signIn, until } from "./browser.mjs";

const MARKUP = '"><script>globalThis.hacked=1</script><img src=x onerror="globalThis.hacked=1"><svg onload="globalThis.hacked=1">';
const BIDI = "evil\u202egpj.exe\u2066x\u2069\u200b\u200d\ufeff";
const LONG = "W".repeat(1024);
const FORMULA = '=HYPERLINK("http://evil.example","x")';
const STRANGE = [MARKUP, BIDI, LONG, FORMULA, "{{constructor.constructor('globalThis.hacked=1')()}}", "javascript:globalThis.hacked=1", "\u0000\u0007\r\n\tx", "a\u0301".repeat(80)];
const SITE = `s${process.pid}`;

/** The given bytes as a request, for what no client would send. */
function raw(server, bytes) {
  const to = new URL(server.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(to.port), to.hostname, () => socket.write(bytes));
    let answer = "";
    socket.on("data", (part) => { answer += part.toString("latin1"); });
    socket.on("end", () => resolve(answer));
    socket.on("error", reject);
  });
}

async function sow(server) {
  for (const [index, text] of STRANGE.entries()) {
    const agent = [...text].filter((one) => one >= " " && one <= "~").join("").slice(0, 1000) || "x";
    const answer = await fetch(`${server.url}/e`, {
      method: "POST", headers: { "Content-Type": "application/json", "User-Agent": agent, "Accept-Language": "en" },
      body: JSON.stringify({ events: [{
        event: text.slice(0, 200) || "x", site: SITE, page: `https://example.org/${index}${text}`, ref: `https://ref.example/${text}`, title: text, utm_source: text, utm_campaign: text,
        utm_medium: text, props: { [text.slice(0, 100)]: text, plain: text },
      }, { event: "pageview", site: SITE, page: text, ref: text, title: text }, { event: "pageview", site: text.slice(0, 200) || "x", page: "/" }] }),
    });
    assert.ok(answer.status === 202, `${answer.status} for ${JSON.stringify(text.slice(0, 40))}`);
  }
  const broken = Buffer.from(`GET /p.gif?site=${SITE}&page=%ff%fe%c3&title=%80&event=%3Cb%3E&x=%00 HTTP/1.1\r\nHost: x\r\nUser-Agent: \xff\xfe<b>\r\nReferer: \xc3(\r\nConnection: close\r\n\r\n`, "latin1");
  assert.match(await raw(server, broken), /^HTTP\/1\.1 200/);
}

/** No element of the page was made by a stranger, and nothing is wider than the window. */
async function checkPage(page, where) {
  const found = await page.evaluate(() => ({
    hacked: globalThis.hacked, scripts: document.scripts.length, images: document.images.length, frames: document.querySelectorAll("iframe,object,embed,base,link[rel=import]").length,
    handlers: [...document.querySelectorAll("*")].filter((one) => [...one.attributes].some((attribute) => attribute.name.startsWith("on"))).length,
    links: [...document.links].map((link) => link.getAttribute("href")).filter((href) => !/^(\/|#|https?:\/\/)/.test(href)),
    unsafe: [...document.links].filter((link) => link.host !== location.host && link.rel !== "noopener noreferrer nofollow").length,
    width: document.documentElement.scrollWidth, room: document.documentElement.clientWidth,
    // Invisible and direction-changing characters may stand nowhere in what is shown.
    invisible: /[\u202a-\u202e\u2066-\u2069\u200b\ufeff\u0000]/.test(document.body.innerText),
  }));
  const { width, room, ...rest } = found;
  assert.deepEqual(rest, { hacked: undefined, scripts: 1, images: 0, frames: 0, handlers: 0, links: [], unsafe: 0, invisible: false }, where);
  assert.ok(width <= room, `${where}: ${width} wide in ${room}`);
}

await run("hostile", async ({ server, context, requests, complaints }) => {
  await sow(server);
  const page = await context.newPage();
  await signIn(page, server);
  await page.goto(`${server.url}/?site=${SITE}`);
  await page.locator('[data-card="page"] .row').first().waitFor();
  await page.locator("#feed .hit").first().waitFor();
  await checkPage(page, "the first screen");
  assert.ok((await page.locator(".hidden-character").allInnerTexts()).includes("U+202E"), "the override is named");

  for (const tab of await page.locator("main [role=tab]").all()) {
    await tab.click();
    await page.waitForTimeout(60);
  }
  await until("cards that have answered", () => page.locator('.card[aria-busy="true"]').count(), (count) => count === 0);
  await checkPage(page, "all tabs");

  for (const button of await page.locator(".card footer button:not([disabled])").all()) {
    await button.click();
    await page.locator("dialog[open] tbody tr").first().waitFor();
    await checkPage(page, "all rows of a card");
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
  }
  for (let index = 0; index < 8; index += 1) {
    await page.locator("#feed .hit").nth(index).click();
    await page.locator("dialog[open] dl").waitFor();
    await checkPage(page, `hit ${index}`);
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
  }
  await filters(page, server);
  await files(page, server);
  for (const place of ["inspector", "setup", "pipeline", "access"]) {
    await page.goto(`${server.url}/${place}?site=${encodeURIComponent(MARKUP)}`);
    await page.locator("main#content h1").waitFor();
    if (place === "inspector") {
      await page.locator("tr[data-status] button").first().click();
      await page.locator("tr.details dl").first().waitFor();
    }
    await page.waitForTimeout(300);
    await checkPage(page, place);
  }
  checkClean({ requests, complaints });
});

/** Each strange text as a site and as a filter, in the address, the picker, the chip and the title. */
async function filters(page, server) {
  for (const text of STRANGE) {
    await page.goto(`${server.url}/?${new URLSearchParams({ site: text, filter: `page:${text}`, wall: "" })}`);
    await page.locator(".chip").waitFor();
    await checkPage(page, `the filter ${JSON.stringify(text.slice(0, 20))}`);
  }
}

async function files(page, server) {
  for (const path of [`top?dimension=title&limit=100&site=${SITE}`, `top?dimension=event&limit=100&site=${SITE}`, `recent?limit=100&site=${SITE}`]) {
    const answer = await page.request.get(`${server.url}/api/v1/${path}&format=csv`);
    const text = await answer.text();
    assert.match(answer.headers()["content-disposition"] ?? "", /^attachment/);
    // A cell may begin with a formula's sign only behind the quote that makes it text.
    assert.ok(!/(^|[,\n]|,")[=@]/m.test(text.replace(/^\ufeff/, "")), `a formula in ${path}`);
    assert.ok(text.includes("'=HYPERLINK"), `the formula is still there as text in ${path}`);
  }
}
