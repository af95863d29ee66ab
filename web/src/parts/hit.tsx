// Everything that is known about one hit, field by field.
import { useShared } from "../state/context";
import { toggleFilter, write } from "../state/view";
import { t } from "../text";
import type { Dimension, Hit, StoredEvent } from "../types";
import { Dialog, Outside, Stranger } from "./bits";

/** Which fields of an event can be filtered by, and under which name. */
const FILTERS: Record<string, Dimension> = {
  page_path: "page", page_host: "host", title: "title", referrer_host: "referrer", referrer_group: "group", utm_source: "source", utm_medium: "medium",
  utm_campaign: "campaign", utm_term: "term", utm_content: "content", browser: "browser", os: "os", device: "device", country: "country",
  language: "language", event: "event", site: "site", class: "class",
};

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

export function Fields({ event, choose }: { event: StoredEvent; choose?: (dimension: Dimension, value: string) => void }) {
  const { can } = useShared();
  return (
    <dl class="fields-of">
      {Object.entries(event).map(([name, value]) => {
        const known = FILTERS[name];
        const dimension = known && can.filters(known) ? known : undefined;
        return [
          <dt key={name}><Stranger text={name} /></dt>,
          <dd>
            {dimension && choose && typeof value === "string"
              ? <button type="button" class="plain" onClick={() => choose(dimension, value)} title={t.filters.add(t.dimension[dimension])}><Stranger text={value} title={false} /></button>
              : <Stranger text={shown(value)} title={false} />}
            {name.endsWith("_url") && <Outside address={value} label={name} />}
          </dd>,
        ];
      })}
    </dl>
  );
}

export function HitDialog({ hit, close }: { hit: Hit; close: () => void }) {
  const { view, go, session, can } = useShared();
  const choose = (dimension: Dimension, value: string) => {
    go(toggleFilter(view, { dimension, value }));
    close();
  };
  const inspector = `${write({ ...view, place: "/inspector", wall: false })}`;
  return (
    <Dialog title={`${t.feed.hit} ${hit.offset ?? ""}`} close={close} wide>
      <div class="scroll tall" tabIndex={0} role="region" aria-label={t.feed.hit}><Fields event={hit.event} choose={choose} /></div>
      {session.scope !== "public" && can.places.includes("/inspector") && <a class="small" href={`${inspector}${inspector.includes("?") ? "&" : "?"}id=${encodeURIComponent(hit.event.id)}`}>{t.feed.inspect}</a>}
    </Dialog>
  );
}
