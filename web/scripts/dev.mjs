// `npm run dev`: the sources with reload, in front of the mock. With BACKEND set, in front of that server instead.
import { createServer } from "vite";
import { start } from "../mock/server.mjs";

const running = process.env.BACKEND ? null : await start({ port: 8089 });
const vite = await createServer();
await vite.listen();
const at = vite.resolvedUrls?.local[0] ?? "";
console.log(running ? `Dashboard  ${at}#token=${running.token}` : `Dashboard  ${at}`);
