// Takes the picture of a dashboard that has something to show.

import { given, run } from "./open.mjs";

await run(async (context) => {
  const dashboard = await context.newPage();
  await dashboard.goto(given.dashboard);
  await dashboard.locator("#feed-state", { hasText: /^live$/ }).waitFor({ timeout: 10000 });
  await dashboard.locator("#feed tr").nth(10).waitFor({ state: "attached", timeout: 15000 });
  await dashboard.locator("#chart rect").nth(50).waitFor({ state: "attached", timeout: 15000 });
  // Figures are taken once they agree with what was sent.
  await dashboard.locator("#events", { hasText: given.events }).waitFor({ timeout: 20000 });
  const last = await dashboard.locator("#feed tr").nth(10).boundingBox();
  const clip = { x: 0, y: 0, width: 1280, height: Math.round(last.y + last.height) };
  await dashboard.screenshot({ path: given.picture, fullPage: true, clip });
  const cards = await dashboard.locator("#cards article:not([hidden])").count();
  const bars = await dashboard.locator("#chart rect").evaluateAll((bars) => bars.filter((bar) => Number(bar.getAttribute("height")) > 0).length);
  return { cards, bars, text: await dashboard.locator("body").innerText() };
});
