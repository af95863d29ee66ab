// The live feed on the page: rows as they come, held back while somebody reads them.
import { useState } from "preact/hooks";
import * as format from "../state/format";
import type { Entry } from "../state/feed";
import { plain } from "../state/stranger";
import { useShared } from "../state/context";
import { scope } from "../state/question";
import { t } from "../text";
import type { Hit, StoredEvent } from "../types";
import { CsvLink, Stranger } from "./bits";
import { HitDialog } from "./hit";
import type { LiveFeed } from "./use_feed";

/** As many hits as the API gives at once. */
const RECENT_MAX = 500;

export const text = (event: StoredEvent, field: string): string => {
  const value = event[field];
  return typeof value === "string" ? value : "";
};

export function FeedList({ feed, openWall }: { feed: LiveFeed; openWall: () => void }) {
  const { view, can } = useShared();
  const [announce, setAnnounce] = useState(false);
  const [open, setOpen] = useState<Hit | null>(null);
  const { snapshot, paused } = feed;
  // A finger leaves neither a pointer that could go away nor a focus that moves on.
  const release = () => {
    feed.hold("hover", false);
    feed.hold("focus", false);
  };
  const state = paused ? "paused" : snapshot.status;
  return (
    <section class="feed" aria-label={t.feed.title} id="feed">
      <header>
        <h2>{t.feed.title}</h2>
        <span class={`state ${state}`} id="feed-state">{t.feed[state]}</span>
        <span class="space" />
        <button type="button" class="small" aria-pressed={paused} onClick={feed.togglePause}>{paused ? t.feed.resume : t.feed.pause}</button>
        <button type="button" class="small" onClick={openWall} title={`${t.feed.wall} (F)`}>{t.feed.wall}</button>
      </header>
      <p class="held" data-waiting={snapshot.waiting}>
        {snapshot.waiting > 0 && (paused ? t.feed.waiting(snapshot.waiting) : <button type="button" class="plain" onClick={release}>{t.feed.waiting(snapshot.waiting)}</button>)}
      </p>
      <ol class="hits" aria-live={announce ? "polite" : "off"} aria-relevant="additions"
        onMouseEnter={() => feed.hold("hover", true)} onMouseLeave={() => feed.hold("hover", false)}
        onFocusIn={() => feed.hold("focus", true)} onFocusOut={() => feed.hold("focus", false)}>
        {snapshot.entries.map((entry) => <FeedRow key={keyOf(entry)} entry={entry} open={setOpen} showSite={view.site === ""} />)}
        {snapshot.entries.length === 0 && <li class="nothing">{view.filters.length || view.classes.length || view.site ? t.feed.emptyFiltered : can.feed ? t.feed.empty : t.feed.emptyPolled}</li>}
      </ol>
      <footer>
        <label><input type="checkbox" checked={announce} onChange={(event) => setAnnounce(event.currentTarget.checked)} />{t.feed.announce}</label>
        <CsvLink query={`recent?${scope(view)}&limit=${RECENT_MAX}`} />
      </footer>
      {open && <HitDialog hit={open} close={() => setOpen(null)} />}
    </section>
  );
}

export const keyOf = (entry: Entry): string => (entry.kind === "hit" ? `h${entry.hit.offset ?? entry.hit.event.id}` : `g${entry.gap.from}-${entry.gap.to}`);

export function FeedRow({ entry, open, showSite }: { entry: Entry; open?: (hit: Hit) => void; showSite: boolean }) {
  if (entry.kind === "gap") return <li class="gap">{t.feed.gap(entry.gap.missed)}</li>;
  const { event, offset } = entry.hit;
  const isView = event.event === "pageview";
  const page = text(event, "page_path") || text(event, "page_url") || text(event, "title");
  const kind = text(event, "class");
  const what = isView ? page || t.none : event.event;
  const about = [isView ? "" : page, text(event, "referrer_host"), text(event, "browser"), text(event, "os"), showSite ? event.site : ""].filter(Boolean);
  const inside = (
    <>
      <time dateTime={event.received_at}>{format.moment(Date.parse(event.received_at), Date.now())}</time>
      <span class="country" title={format.country(text(event, "country"))}>{/^[A-Z]{2}$/.test(text(event, "country")) ? text(event, "country") : ""}</span>
      <span class="what"><Stranger text={what} class={isView ? "" : "custom"} /></span>
      {kind && kind !== "human" && <span class="class">{t.classes[kind] ?? plain(kind)}</span>}
      <span class="about">{about.map((one, index) => <span key={index}><Stranger text={one} /></span>)}</span>
    </>
  );
  return (
    <li data-offset={offset ?? undefined} data-id={event.id}>
      {open ? <button type="button" class="hit" onClick={() => open(entry.hit)}>{inside}</button> : <div class="hit">{inside}</div>}
    </li>
  );
}
