// Builds the dashboard into dist/: one page, hashed assets, nothing inline, so that a strict Content-Security-Policy holds.
import { defineConfig } from "vite";

// Where `npm run dev` sends what is not a file: the mock, or a real server named by BACKEND.
const backend = process.env.BACKEND ?? "http://127.0.0.1:8089";

export default defineConfig({
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    host: "127.0.0.1",
    proxy: Object.fromEntries(["/api", "/p.gif", "/e", "/p.js", "/mock"].map((path) => [`^${path}(/|$|\\?)`, { target: backend }])),
  },
  // One worker for all: the files are small, and a machine that is busy starts many too late.
  test: { maxWorkers: 1, isolate: false, include: ["test/**/*.test.ts", "test/**/*.test.tsx"] },
} as Parameters<typeof defineConfig>[0]);
