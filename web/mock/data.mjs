// Believable traffic for the mock: two weeks of three sites, from a seed, with night and day, bots, mails and a spike.

const DAY = 86_400_000;

/** Mulberry32: small, seeded, good enough for traffic. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function choose(next, weighed) {
  let left = next() * weighed.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, one] of weighed) {
    left -= weight;
    if (left < 0) return one;
  }
  return weighed[0][1];
}

const PAGES = [
  [30, ["blog", "blog.example.org", "/how-we-never-lose-an-event", "How we never lose an event"]],
  [14, ["blog", "blog.example.org", "/", "The blog"]],
  [12, ["blog", "blog.example.org", "/group-commit-explained", "Group commit, explained"]],
  [9, ["blog", "blog.example.org", "/year-in-review", "A year in review"]],
  [22, ["docs", "docs.example.org", "/start", "Start"]],
  [11, ["docs", "docs.example.org", "/settings", "Settings"]],
  [8, ["docs", "docs.example.org", "/reference/http", "HTTP reference"]],
  [7, ["docs", "docs.example.org", "/deploy/aws", "On AWS"]],
  [4, ["docs", "docs.example.org", "/faq", "Questions"]],
  [16, ["shop", "www.example.org", "/", "Example shop"]],
  [9, ["shop", "www.example.org", "/prices", "Prices"]],
  [3, ["shop", "www.example.org", "/checkout", "Checkout"]],
  [6, ["newsletter", undefined, "/2026-11", undefined]],
  [5, ["readme", undefined, "README", undefined]],
];
const REFERRERS = [
  [36, [undefined, "direct"]], [26, ["www.google.com", "search"]], [11, ["news.ycombinator.com", "social"]], [8, ["duckduckgo.com", "search"]],
  [7, ["github.com", "code"]], [6, ["chatgpt.com", "ai"]], [4, ["www.reddit.com", "social"]], [3, ["lobste.rs", "social"]], [2, ["mail.example.net", "mail"]],
  [3, ["partner.example.com", "other"]],
];
const READERS = [
  [34, ["Chrome", "Windows", "desktop"]], [19, ["Mobile Safari", "iOS", "mobile"]], [15, ["Chrome Mobile", "Android", "mobile"]],
  [12, ["Firefox", "Linux", "desktop"]], [10, ["Safari", "Mac OS X", "desktop"]], [6, ["Edge", "Windows", "desktop"]], [3, ["Mobile Safari", "iOS", "tablet"]],
  [1, ["Samsung Internet", "Android", "mobile"]],
];
const COUNTRIES = [[30, "US"], [18, "DE"], [11, "GB"], [8, "FR"], [7, "NL"], [6, "IN"], [5, "CA"], [4, "JP"], [4, "SE"], [3, "BR"], [2, "AU"], [2, undefined]];
const LANGUAGES = { US: "en-US", DE: "de-DE", GB: "en-GB", FR: "fr-FR", NL: "nl-NL", IN: "en-IN", CA: "en-CA", JP: "ja-JP", SE: "sv-SE", BR: "pt-BR", AU: "en-AU" };
const BOTS = [[5, "Googlebot"], [3, "bingbot"], [3, "GPTBot"], [2, "AhrefsBot"], [1, "curl"]];
const CAMPAIGNS = [[5, ["newsletter", "email", "november"]], [3, ["hackernews", "social", "launch"]], [2, ["partner", "referral", "spring-sale"]]];
const EVENTS = [[6, "signup"], [9, "download"], [4, "search"], [2, "checkout"]];

function props(next, name) {
  switch (name) {
    case "signup": return { plan: choose(next, [[6, "free"], [3, "pro"], [1, "team"]]), trial: next() < 0.4 };
    case "download": return { file: choose(next, [[5, "onepixel-linux-x64"], [3, "onepixel-macos"], [1, "onepixel-windows"]]), version: choose(next, [[4, "1.4.0"], [1, "1.3.2"]]) };
    case "search": return { query: choose(next, [[3, "retention"], [2, "s3 endpoint"], [2, "visitors"], [1, "gdpr"]]), results: Math.floor(next() * 20) };
    default: return { amount: [19, 49, 99][Math.floor(next() * 3)], currency: choose(next, [[3, "EUR"], [2, "USD"]]) };
  }
}

/** One event at a moment, as the server stores it. */
export function event(next, at) {
  const [site, host, path, title] = choose(next, PAGES);
  const id = `0190${Math.floor(next() * 0xffffffff).toString(16).padStart(8, "0")}`.slice(0, 8) + `-${Math.floor(next() * 0xffff).toString(16).padStart(4, "0")}-7${Math.floor(next() * 0xfff).toString(16).padStart(3, "0")}-8${Math.floor(next() * 0xfff).toString(16).padStart(3, "0")}-${Math.floor(next() * 0xffffffffffff).toString(16).padStart(12, "0")}`;
  const isCustom = host && next() < 0.08;
  const name = isCustom ? choose(next, EVENTS) : "pageview";
  const [referrer, group] = site === "newsletter" ? [undefined, "mail"] : choose(next, REFERRERS);
  const country = choose(next, COUNTRIES);
  const [utm_source, utm_medium, utm_campaign] = next() < 0.14 || site === "newsletter" ? choose(next, CAMPAIGNS) : [];
  const roll = next();
  const kind = site === "readme" ? "image_proxy" : site === "newsletter" && roll < 0.5 ? "mail_proxy" : roll < 0.11 ? "bot" : roll < 0.14 ? "prefetch" : roll < 0.155 ? "server" : "human";
  const [browser, os, device] = kind === "bot" ? [choose(next, BOTS), undefined, "bot"] : kind.endsWith("proxy") ? [undefined, undefined, "other"] : choose(next, READERS);
  const found = {
    id, received_at: new Date(at).toISOString(), source: isCustom ? "api" : "pixel", event: name, site,
    page_url: host && `https://${host}${path}`, page_host: host, page_path: path, title,
    referrer_url: referrer && `https://${referrer}/`, referrer_host: referrer, referrer_group: group, utm_source, utm_medium, utm_campaign,
    user_agent: `Mozilla/5.0 (${os ?? "compatible"}) ${browser ?? "proxy"}`, browser, os, device, class: kind, class_reasons: kind === "human" ? [] : ["ua_list"],
    language: country && LANGUAGES[country], country, ip: `192.0.2.${Math.floor(next() * 255)}`,
    visitor: kind.endsWith("proxy") ? undefined : `v${Math.floor(at / DAY)}-${Math.floor(next() ** 1.6 * 900)}`,
    props: isCustom ? props(next, name) : {}, flags: [],
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** Hits a minute: a quiet night, a busy afternoon, slow weekends, and one afternoon on a front page. */
function rate(at, now) {
  const hour = (at % DAY) / 3_600_000;
  const weekday = new Date(at).getUTCDay();
  const daily = 1.6 + 1.5 * Math.cos(((hour - 15) / 24) * 2 * Math.PI) + 0.5 * Math.cos(((hour - 20) / 12) * 2 * Math.PI);
  const spike = 9 * Math.exp(-(((now - at - 31 * 3_600_000) / 4_000_000) ** 2));
  return Math.max(0.15, daily) * (weekday % 6 === 0 ? 0.6 : 1) + spike;
}

export function history(now, days, seed = 7) {
  const next = random(seed);
  const moments = [];
  for (let minute = now - days * DAY; minute < now; minute += 60_000) {
    const count = Math.floor(rate(minute, now) + next());
    for (let n = 0; n < count; n += 1) moments.push(Math.min(now - 1, minute + next() * 60_000));
  }
  return moments.sort((a, b) => a - b).map((at) => event(next, Math.floor(at)));
}
