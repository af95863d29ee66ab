// Makes of the built dashboard what the binary embeds: each file with its hash, plain, as gzip and as brotli, and the list
// of them as Rust. The tracker stands apart: a program that serves nothing else embeds nothing else. `node embed.mjs DIST OUT_DIR`.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { extname, join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const [dist, out] = process.argv.slice(2);

const KINDS = {
  ".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8", ".json": "application/json", ".map": "application/json", ".png": "image/png",
  ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};
// Already compressed.
const DENSE = new Set([".png", ".woff2"]);
// Vite puts a hash of eight characters behind the name of everything below assets/.
const HASHED = /^\/assets\/.+-[\w-]{8}\.\w+$/;

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}

const folder = join(out, "assets");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

// What is not worth a tenth is not worth a second form.
function compressed(name, plain, bytes) {
  if (bytes.length > plain.length * 0.9) return "None";
  writeFileSync(join(folder, name), bytes);
  return `Some(include_bytes!(${JSON.stringify(join(folder, name))}))`;
}

const assets = files(dist).sort().map((file, index) => {
  const path = `/${relative(dist, file).replaceAll("\\", "/")}`;
  const end = extname(file);
  const kind = KINDS[end];
  if (!kind) throw new Error(`${path}: a file whose kind is not known; add it to embed.mjs`);
  const plain = readFileSync(file);
  const hash = createHash("sha256").update(plain).digest("base64url").slice(0, 27);
  writeFileSync(join(folder, `${index}`), plain);
  const gzip = DENSE.has(end) ? "None" : compressed(`${index}.gz`, plain, gzipSync(plain, { level: 9 }));
  const best = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } };
  const brotli = DENSE.has(end) ? "None" : compressed(`${index}.br`, plain, brotliCompressSync(plain, best));
  return { path, rust: `Asset {
        path: ${JSON.stringify(path)},
        kind: ${JSON.stringify(kind)},
        etag: ${JSON.stringify(`"${hash}"`)},
        immutable: ${HASHED.test(path)},
        plain: include_bytes!(${JSON.stringify(join(folder, `${index}`))}),
        gzip: ${gzip},
        brotli: ${brotli},
    }` };
});
const tracker = assets.find(({ path }) => path === "/p.js");
if (!tracker) throw new Error("p.js was not built");
const entries = assets.filter((asset) => asset !== tracker).map(({ rust }) => `    ${rust},`);
writeFileSync(join(out, "assets.rs"), `/// Everything that was built of web/, but the tracker.
static ASSETS: &[Asset] = &[
${entries.join("\n")}
];
/// The tracker.
static TRACKER: Asset = ${tracker.rust};
`);
