// The script tag: `<script defer src="https://stats.example.com/p.js" data-site="blog"></script>`.
// Finds the events path beside itself, so it works under any name; `data-events` names another.
import { type Onepixel, create } from "./core.js";

declare global {
  interface Window { onepixel?: Onepixel }
}

// As a module a script is not told which one it is.
const script = (document.currentScript || document.querySelector("script[data-site]")) as HTMLScriptElement;
// Included twice, it counts once.
window.onepixel ||= create({ site: script.dataset.site, events: new URL(script.dataset.events || "e", script.src).href });
