// Builds dist/p.js: one classic script, minified as far as it goes, because every page of every visitor loads it.
import { readFile, writeFile } from "node:fs/promises";
import { minify } from "terser";
import { build } from "vite";

const root = new URL("../", import.meta.url).pathname;
await build({
  configFile: false, root, logLevel: "warn", publicDir: false,
  build: {
    outDir: "dist", emptyOutDir: false, minify: false, target: "es2021", reportCompressedSize: false,
    rollupOptions: { input: `${root}tracker/src/p.ts`, output: { format: "iife", entryFileNames: "p.js" } },
  },
});
const source = await readFile(`${root}dist/p.js`, "utf8");
const small = await minify(source, { ecma: 2020, compress: { passes: 3, unsafe_arrows: true, booleans_as_integers: false }, format: { comments: false } });
await writeFile(`${root}dist/p.js`, `${small.code}\n`);
