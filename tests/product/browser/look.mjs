// Looks at a dashboard once it is live: how wide the page is, and what stands where.

import { given, run } from "./open.mjs";

await run(async (context) => {
  const dashboard = await context.newPage();
  await dashboard.goto(given.dashboard);
  await dashboard.locator("#feed-state", { hasText: given.state }).waitFor({ timeout: 10000 });
  await dashboard.locator("#pipeline", { hasText: given.footer }).waitFor({ timeout: 10000 });
  if (given.option) await dashboard.locator("#site option", { hasText: given.option }).waitFor({ state: "attached", timeout: 10000 });
  const width = await dashboard.evaluate(() => document.documentElement.scrollWidth);
  const problem = dashboard.locator("#problem");
  return { width, problem: await problem.isVisible() ? await problem.innerText() : "" };
});
