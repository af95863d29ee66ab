// What to paste where: pure text from a site's name and the server's addresses.

/** Whole addresses; the pixel's may be a path, for this page's own use. */
export interface Addresses { pixel: string; events: string; script: string }
export interface Wanted {
  site: string;
  /** The page or placement, where the browser or mail reader will not say it. */
  page: string;
  campaign: string;
}
export const KINDS = ["html", "readme", "email", "spa", "curl"] as const;
export type Kind = (typeof KINDS)[number];

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
/** Percent-encoded further than usual: Markdown and shells give `()'!*` a meaning. */
const encode = (text: string): string => encodeURIComponent(text).replace(/[()'!*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
const shellQuote = (text: string): string => `'${text.replace(/'/g, `'\\''`)}'`;

/** The pixel's address, with only what is known. */
export function pixelUrl(at: Addresses, wanted: Wanted, medium = ""): string {
  const given: [string, string][] = [
    ["site", wanted.site], ["page", wanted.page], ["utm_medium", medium], ["utm_campaign", wanted.campaign],
  ];
  const query = given.filter(([, value]) => value).map(([name, value]) => `${name}=${encode(value)}`).join("&");
  return `${at.pixel}?${query}`;
}

function image(url: string, policy = true): string {
  const referrer = policy ? ' referrerpolicy="no-referrer-when-downgrade"' : "";
  return `<img src="${escapeHtml(url)}" alt="" width="1" height="1"${referrer}>`;
}

function script(at: Addresses, wanted: Wanted): string {
  // The script finds the events path beside itself; only a renamed one has to be said.
  const [beside, events] = [new URL("e", at.script), new URL(at.events)];
  const named = events.origin === beside.origin ? events.pathname : at.events;
  const attribute = beside.href === events.href ? "" : ` data-events="${escapeHtml(named)}"`;
  return `<script defer src="${escapeHtml(at.script)}" data-site="${escapeHtml(wanted.site)}"${attribute}></script>`;
}

export function snippet(kind: Kind, at: Addresses, wanted: Wanted): string {
  switch (kind) {
    case "html":
      return `${script(at, wanted)}\n<noscript>${image(pixelUrl(at, wanted))}</noscript>`;
    case "readme":
      return `![](${pixelUrl(at, { ...wanted, page: wanted.page || "README" })})`;
    case "email":
      return image(pixelUrl(at, { ...wanted, page: wanted.page || "newsletter" }, "email"), false);
    case "spa":
      return [
        `import { create } from "onepixel";`,
        "",
        `const onepixel = create({ site: ${JSON.stringify(wanted.site)}, events: ${JSON.stringify(at.events)} });`,
        `onepixel("signup", { plan: "pro" });`,
      ].join("\n");
    case "curl": {
      const event = { event: "signup", site: wanted.site, ...(wanted.page && { page: wanted.page }), props: { plan: "pro" } };
      return [
        `curl -X POST ${shellQuote(at.events)} \\`,
        `  -H 'Content-Type: application/json' \\`,
        `  -d ${shellQuote(JSON.stringify(event))}`,
      ].join("\n");
    }
  }
}
