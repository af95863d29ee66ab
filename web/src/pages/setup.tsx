// What to paste where, whether it works, and whose address we see.
import { useEffect, useMemo, useState } from "preact/hooks";
import * as format from "../state/format";
import { ask, asTrouble } from "../state/api";
import { pace, useAnswer, useShared, useTicker } from "../state/context";
import { Feed, type Snapshot, browserDoors } from "../state/feed";
import { Poll } from "../state/poll";
import { KINDS, type Kind, pixelUrl, snippet } from "../state/snippet";
import { plain } from "../state/stranger";
import { Code, Stranger, Tabs } from "../parts/bits";
import { TroubleBox } from "../parts/trouble";
import { t } from "../text";
import type { Hit, Setup } from "../types";

const EVERY_MS = 5000;
const words = t.setup;

export default function SetupPage() {
  const { view } = useShared();
  const tick = useTicker(EVERY_MS);
  const { data, trouble } = useAnswer<Setup>("setup", () => "setup", tick);
  const [site, setSite] = useState(view.site || "my-site");
  return (
    <main id="content" class="page narrow">
      <h1>{words.title}</h1>
      {trouble && <TroubleBox trouble={trouble} />}
      {data && (
        <>
          <Builder setup={data} site={site} setSite={setSite} />
          <Waiting setup={data} site={site} />
          <Address setup={data} />
        </>
      )}
    </main>
  );
}

function Builder({ setup, site, setSite }: { setup: Setup; site: string; setSite: (site: string) => void }) {
  const [kind, setKind] = useState<Kind>("html");
  const [page, setPage] = useState("");
  const [campaign, setCampaign] = useState("");
  const at = { pixel: setup.pixel_url, events: setup.events_url, script: setup.script_url };
  // This page may ask nobody but its own server.
  const pixel = new URL(setup.pixel_url);
  const wanted = { site: site.trim() || "default", page: page.trim(), campaign: campaign.trim() };
  return (
    <section class="panel plain-panel" aria-label={words.title}>
      <div class="fields three">
        <label>{words.site}<input value={site} maxLength={200} onInput={(event) => setSite(event.currentTarget.value)} /><small>{words.siteHint}</small></label>
        <label>{words.page}<input value={page} maxLength={1000} onInput={(event) => setPage(event.currentTarget.value)} /><small>{words.pageHint}</small></label>
        <label>{words.campaign}<input value={campaign} maxLength={200} onInput={(event) => setCampaign(event.currentTarget.value)} /></label>
      </div>
      <Tabs all={KINDS} chosen={kind} choose={setKind} label={words.title} name={(one) => words.kinds[one]} />
      <p class="quiet">{words.explain[kind]}</p>
      <Code key={kind} text={snippet(kind, at, wanted)} label={words.kinds[kind]} />
      {pixel.host === location.host && <Try url={pixelUrl({ ...at, pixel: pixel.pathname }, { ...wanted, page: wanted.page || "/test-from-setup" })} />}
      <p class="quiet">{words.exclude}: {words.excludeHint}</p>
      <Code text={'localStorage.onepixel_ignore = "true"'} label={words.exclude} />
    </section>
  );
}

function Try({ url }: { url: string }) {
  const [said, setSaid] = useState("");
  const send = () => {
    fetch(url, { cache: "no-store" }).then((answer) => setSaid(answer.ok ? words.tried : `${words.tryFailed} ${answer.status}`), () => setSaid(`${words.tryFailed} ${t.trouble.away[0]}`));
  };
  return <p class="try"><button type="button" onClick={send}>{words.try}</button> <span aria-live="polite">{said}</span></p>;
}

/** Turns green with the first hit of the site that is set up, by the live feed, not by asking again. */
function Waiting({ setup, site }: { setup: Setup; site: string }) {
  const { can } = useShared();
  const name = site.trim() || "default";
  const [hit, setHit] = useState<Hit | null>(null);
  useEffect(() => {
    setHit(null);
    const query = new URLSearchParams({ site: name });
    const seen = (snapshot: Snapshot) => {
      const first = snapshot.entries.find((entry) => entry.kind === "hit");
      if (first?.kind === "hit") setHit(first.hit);
    };
    const doors = browserDoors((signal) => ask<Hit[]>(`recent?${query}&limit=1`, { signal }).catch((error: unknown) => {
      // Without the live view the feed itself still tells of the next hit.
      if (asTrouble(error)?.kind === "off") return [];
      throw error;
    }));
    const feed = can.feed ? new Feed(query, doors, seen) : new Poll(doors, pace, seen);
    const timer = setTimeout(() => void feed.start(), 300);
    return () => {
      clearTimeout(timer);
      feed.close();
    };
  }, [name, can.feed]);
  return (
    <section class={`verdict ${hit ? "good" : "waiting"}`} id="first-hit" data-arrived={hit !== null} aria-live="polite">
      <h2>{hit ? words.arrivedFor(plain(name)) : words.waiting(plain(name))}</h2>
      <p class="quiet">{hit ? <>{format.full(Date.parse(hit.event.received_at))} <Stranger text={String(hit.event.page_url ?? hit.event.page_path ?? "")} /></>
        : setup.hits ? `${words.waitingHint} (${words.arrived}: ${format.count(setup.hits)})` : words.waitingHint}</p>
    </section>
  );
}

function Address({ setup }: { setup: Setup }) {
  const { address, shared_address: shared } = setup;
  const lines = useMemo<[string, string][]>(() => [
    [words.seen, address.seen ?? words.unknown], [words.peer, address.peer ?? words.unknown], [words.header, address.header && address.trusted ? address.header : words.direct],
  ], [address.seen, address.peer, address.header, address.trusted]);
  return (
    <section class="panel plain-panel" id="address">
      <h2>{words.address}</h2>
      <dl class="lines">{lines.map(([name, value]) => <div key={name}><dt>{name}</dt><dd><Stranger text={value} /></dd></div>)}</dl>
      {address.header && !address.trusted && <p class="warning" role="status">{words.untrusted(plain(address.header))}</p>}
      {shared && <p class="warning" role="status">{words.shared(plain(shared.address), format.share(shared.share, 1))}</p>}
    </section>
  );
}
