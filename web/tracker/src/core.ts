// The tracker: page views, events from attributes and from code, and a queue that an event leaves only when the server
// has answered. Sets no cookie, keeps nothing about the visitor. Every byte counts here: 1.2 KB is the limit.

export type Props = Record<string, unknown>;
export interface Options {
  /** The name of the site or placement; without it, `default`. */
  site?: string | undefined;
  /** The address of the server's events path, such as `https://stats.example.com/e`. */
  events: string;
  /** False: no page views by itself. */
  views?: boolean;
}
/** Sends an event: a name of your choice and, if you like, properties. */
export type Onepixel = (name: string, props?: Props) => void;

interface Queued { id: string; sent_at: string }

/** Where unanswered events wait for the next page. */
const KEY = "onepixel_queue";
/** Events kept; the oldest go first. */
const KEPT = 100;
/** An event this old is not sent again: the server knows an id for a day at least, and a retry has to count once. */
const AGE_MS = 864e5;
const RETRY_MS = 3e4;
/** Browsers refuse keepalive bodies over 64 KiB in all. */
const BODY_MAX = 6e4;
const EVENT = "data-onepixel-event";
const PROP = "data-onepixel-prop-";

/** Version 4 of RFC 9562. `crypto.randomUUID` is there in secure contexts only, this everywhere. */
const uuid = () =>
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
    (+digit ^ ((crypto.getRandomValues(new Uint8Array(1))[0] as number) & (15 >> (+digit / 4)))).toString(16));

export function create({ site, events, views = true }: Options): Onepixel {
  let memory: Queued[] = [];
  let busy = false;
  let seen: string | undefined;
  let here: string | undefined;
  let ref = document.referrer;

  const refused = () => {
    try {
      return (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl || localStorage.onepixel_ignore;
    } catch {
      return false;
    }
  };
  const load = (): Queued[] => {
    try {
      memory = JSON.parse(localStorage[KEY] || "[]");
    } catch {
      // No storage here, or not ours: this page's memory has to do.
    }
    return memory.filter((one) => Date.now() - Date.parse(one.sent_at) < AGE_MS).slice(-KEPT);
  };
  const save = (queue: Queued[]) => {
    memory = queue;
    try {
      localStorage[KEY] = JSON.stringify(queue);
    } catch {
      // As above.
    }
  };
  const flush = () => {
    const batch = load();
    if (busy || !batch.length || navigator.onLine === false || refused()) return;
    const write = () => JSON.stringify({ events: batch });
    let body = write();
    while (body.length > BODY_MAX && batch.length > 1) {
      batch.length >>= 1;
      body = write();
    }
    // A page that is left hears no answer: a beacon goes out for sure, and the next page asks again with the same ids.
    if (document.visibilityState === "hidden" && navigator.sendBeacon?.(events, body)) return;
    busy = true;
    fetch(events, { method: "POST", body, keepalive: body.length <= BODY_MAX })
      .then(({ ok, status }) => ok || (status < 500 && status !== 429), () => false)
      .then((done) => {
        busy = false;
        if (!done) return setTimeout(flush, RETRY_MS);
        save(load().filter(({ id }) => !batch.some((one) => one.id === id)));
        return flush();
      });
  };
  const send: Onepixel = (event, props) => {
    if (refused()) return;
    const made = { event, id: uuid(), site, page: location.href, ref, title: document.title, sent_at: new Date().toISOString(), props };
    save([...load(), made].slice(-KEPT));
    flush();
  };

  const view = () => {
    const page = location.pathname + location.search;
    if (page === seen) return;
    if (here) ref = here;
    seen = page;
    here = location.href;
    send("pageview");
  };
  /** After the navigation's own code, which sets the title. */
  const soon = () => setTimeout(view);
  if (views) {
    for (const name of ["pushState", "replaceState"] as const) {
      const original = history[name];
      history[name] = function (this: History, ...given: Parameters<History["pushState"]>) {
        original.apply(this, given);
        soon();
      };
    }
    addEventListener("popstate", soon);
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted) {
        seen = "";
        view();
      }
    });
    if ((document as { prerendering?: boolean }).prerendering) document.addEventListener("prerenderingchange", view, { once: true });
    else view();
  }
  for (const type of ["click", "submit"]) {
    document.addEventListener(type, ({ target }) => {
      const found = (target as Element).closest?.(`[${EVENT}]`);
      // A form counts when it is sent, anything else when it is clicked.
      if (!found || (found.tagName === "FORM") !== (type === "submit")) return;
      const props: Props = {};
      for (const { name, value } of found.attributes) if (name.startsWith(PROP)) props[name.slice(PROP.length)] = value;
      send(found.getAttribute(EVENT) as string, props);
    }, true);
  }
  document.addEventListener("visibilitychange", flush);
  addEventListener("online", flush);
  flush();
  return send;
}
