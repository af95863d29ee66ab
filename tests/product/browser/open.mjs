// Opens Chromium for one test: a profile of its own, no traffic but the test's, and a log of every request.

import { createRequire } from "node:module";
import { join } from "node:path";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
  // Whatever the browser itself would like to look up does not exist.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

export const given = JSON.parse(process.argv[2]);

// Runs `act` with a browser and prints what it returns, the requests and the pages' complaints as one line of JSON.
export async function run(act) {
  const { chromium } = createRequire(join(given.modules, "node_modules/"))("playwright-core");
  const context = await chromium.launchPersistentContext(given.profile, {
    executablePath: given.chromium, headless: true, args: FLAGS, viewport: { width: 1280, height: 1000 },
  });
  const requests = [];
  const complaints = [];
  context.on("request", (request) => requests.push(request.url()));
  context.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  try {
    const found = await act(context);
    console.log(JSON.stringify({ ...found, requests, complaints }));
  } finally {
    await context.close();
  }
}
