// No serious or critical violation that axe-core knows, on any page, in both themes and on a phone, with dialogs open.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { checkClean, run, signIn, watch } from "./browser.mjs";

const modules = process.env.E2E_MODULES;
const axe = await readFile(createRequire(modules ? join(modules, "node_modules/") : import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const LOOKS = [
  ["light", { viewport: { width: 1440, height: 1000 }, colorScheme: "light" }], ["dark", { viewport: { width: 1440, height: 1000 }, colorScheme: "dark" }],
  ["phone", { viewport: { width: 390, height: 844 }, colorScheme: "light", isMobile: true, hasTouch: true }],
];

async function check(page, where) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const bad = found.violations.filter((one) => one.impact === "serious" || one.impact === "critical");
  const told = bad.map((one) => `${one.id} (${one.impact}): ${one.nodes.slice(0, 4).map((node) => `${node.target} ${node.any[0]?.message ?? node.failureSummary}`).join(" | ")}`);
  assert.deepEqual(told, [], where);
  assert.ok(found.passes.length > 5, "axe looked at something");
}

await run("axe", async ({ server, browser, context, requests, complaints }) => {
  const first = await context.newPage();
  await first.goto(`${server.url}/`);
  await first.locator("main").waitFor();
  if (server.password) await check(first, "sign-in");
  await signIn(first, server);
  const storageState = await context.storageState();
  for (const [name, look] of LOOKS) {
    // axe is put into the page by the browser's debugger; only that is allowed past the policy.
    const looked = await browser.newContext({ ...look, storageState, reducedMotion: "reduce" });
    watch(looked, requests, complaints);
    const page = await looked.newPage();
    for (const place of ["", "pipeline", "inspector", "setup", "access"]) {
      await page.goto(`${server.url}/${place}?filter=class:bot${place ? "" : "&filter=browser:"}`);
      await page.locator("main#content").waitFor();
      await page.waitForTimeout(1200);
      await check(page, `${name} /${place}`);
      if (place) continue;
      for (const key of ["v", "?", "c", "/"]) {
        await page.keyboard.press(key);
        await page.waitForTimeout(400);
        await check(page, `${name} after ${key}`);
        await page.keyboard.press(key === "?" ? "?" : "Escape");
        if (key === "v") await page.goto(`${server.url}/`);
        await page.locator("dialog[open]").waitFor({ state: "detached" });
      }
      await page.locator("#feed .hit").first().click();
      await page.locator("dialog[open]").waitFor();
      await check(page, `${name} a hit`);
      await page.goto(`${server.url}/?wall=1`);
      await page.locator(".wall .hit").first().waitFor();
      await check(page, `${name} wall`);
    }
    await looked.close();
  }
  checkClean({ requests, complaints });
});
