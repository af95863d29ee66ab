// What a visitor loads has a limit: the first screen 60 KB, the tracker 1.2 KB, both as `gzip -9` makes them.
// Also: nothing inline in the page, no address of another host in what is served, no registry's host in the lock file.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const root = new URL("../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root));
const zipped = (path) => gzipSync(read(path), { level: 9 }).length;
const failures = [];

const html = read("dist/index.html").toString();
const first = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)].map((match) => `dist/${match[1]}`);
const firstBytes = ["dist/index.html", ...first].reduce((sum, path) => sum + zipped(path), 0);
check("first load", firstBytes, 60_000);
check("p.js", zipped("dist/p.js"), 1_200);
if (first.length < 2) failures.push(`index.html names ${first.length} assets; a script and a stylesheet were expected`);
if (/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/i.test(html)) failures.push("index.html has something inline; the Content-Security-Policy forbids it");
for (const path of [...first, "dist/p.js"]) {
  const found = [...read(path).toString().matchAll(/https?:\/\/[a-z0-9.-]+\.[a-z]{2,}/gi)].map((match) => match[0]).filter((one) => !/www\.w3\.org/.test(one));
  if (found.length) failures.push(`${path} names another host: ${found.join(", ")}`);
}
if (/"resolved"|registry\./.test(read("package-lock.json").toString())) failures.push("package-lock.json names a registry's host");

function check(what, bytes, limit) {
  console.log(`${what}: ${bytes} of ${limit} bytes`);
  if (bytes > limit) failures.push(`${what} is ${bytes} bytes, over ${limit}`);
}
for (const failure of failures) console.error(failure);
process.exitCode = failures.length ? 1 : 0;
