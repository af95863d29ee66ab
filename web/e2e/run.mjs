// Runs every browser test, one after the other, each in a process of its own; `npm run e2e live` runs one.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const ALL = ["access", "dashboard", "live", "hostile", "tracker", "trouble", "few", "axe", "pictures"];
const chosen = process.argv.slice(2);
const failed = [];
for (const name of chosen.length ? chosen : ALL) {
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(`${name}.mjs`, import.meta.url))], { stdio: "inherit", timeout: 300_000 });
  if (status !== 0) failed.push(name);
}
console.log(failed.length ? `failed: ${failed.join(", ")}` : "every browser test passed");
process.exitCode = failed.length ? 1 : 0;
