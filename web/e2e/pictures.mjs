// Takes the pictures of every page: light, dark, phone, and the one in the README. E2E_PICTURES names the folder.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { checkClean, open, signIn, target, watch } from "./browser.mjs";

const folder = process.env.E2E_PICTURES ?? "pictures";
await mkdir(folder, { recursive: true });
const server = await target();
const { browser, requests, complaints } = await open();
const LOOKS = [
  ["light", { viewport: { width: 1440, height: 1000 }, colorScheme: "light" }],
  ["dark", { viewport: { width: 1440, height: 1000 }, colorScheme: "dark" }],
  ["phone", { viewport: { width: 390, height: 844 }, colorScheme: "light", isMobile: true, hasTouch: true, deviceScaleFactor: 2 }],
];
const PLACES = ["", "pipeline", "inspector", "setup", "access"];
let bad = 0;
try {
  let state;
  for (const [name, look] of LOOKS) {
    const context = await browser.newContext({ ...look, storageState: state });
    watch(context, requests, complaints);
    const page = await context.newPage();
    if (!state) {
      await signIn(page, server);
      state = await context.storageState();
    }
    for (const place of PLACES) {
      await page.goto(`${server.url}/${place}${place ? "" : "?range=7d"}`);
      await page.locator("main#content").waitFor();
      await page.waitForTimeout(1500);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > look.viewport.width) {
        console.error(`${name} ${place}: the page is ${width} wide`);
        bad += 1;
      }
      await page.screenshot({ path: join(folder, `${place || "dashboard"}-${name}.png`), fullPage: place !== "" || name === "phone" });
    }
    await page.goto(`${server.url}/?wall=1`);
    await page.locator(".wall").waitFor();
    await page.waitForTimeout(1500);
    await page.screenshot({ path: join(folder, `wall-${name}.png`) });
    await context.close();
  }
  const context = await browser.newContext({ viewport: { width: 1280, height: 940 }, colorScheme: "light", storageState: state });
  watch(context, requests, complaints);
  const page = await context.newPage();
  await page.goto(`${server.url}/?range=24h`);
  await page.locator("#feed-state.live").waitFor();
  await page.waitForTimeout(1500);
  await page.screenshot({ path: join(folder, "readme.png") });
  checkClean({ requests, complaints });
  console.log(`ok pictures at ${server.url}`);
} finally {
  await browser.close();
  await server.close();
}
process.exitCode = bad ? 1 : 0;
