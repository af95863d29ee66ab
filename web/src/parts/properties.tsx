// What custom events carried, key by key. No event and no key has to be registered.
import { useState } from "preact/hooks";
import * as format from "../state/format";
import { useAnswer, useShared } from "../state/context";
import { plain } from "../state/stranger";
import { question } from "../state/question";
import { t } from "../text";
import type { Property, Top } from "../types";
import { CsvLink, Stranger } from "./bits";
import { TroubleBox } from "./trouble";

export function Properties({ tick }: { tick: number }) {
  const { view } = useShared();
  const [picked, pick] = useState("");
  const ofNames = (now: number) => `top?${question(view, now, { dimension: "event", order: "events", limit: 50 })}`;
  const names = useAnswer<Top>(ofNames(0), () => ofNames(Date.now()), tick);
  const custom = names.data?.rows.map((row) => row.value).filter((name) => name && name !== "pageview") ?? [];
  const filtered = view.filters.find((one) => one.dimension === "event")?.value;
  const event = custom.includes(picked) ? picked : filtered && filtered !== "pageview" ? filtered : custom[0] ?? "";
  const ofEvent = (now: number) => `properties?${question(view, now, { event, limit: 10 })}`;
  const { data, trouble, loading } = useAnswer<Property[]>(event ? ofEvent(0) : null, () => ofEvent(Date.now()), tick);
  return (
    <section class="card" aria-label={t.cards.properties} aria-busy={loading && event !== ""} data-card="properties">
      <header>
        <h2>{t.cards.properties}</h2>
        {event && (
          <select aria-label={t.properties.of} value={event} onChange={(change) => pick(change.currentTarget.value)}>
            {(custom.includes(event) ? custom : [event, ...custom]).map((name) => <option key={name} value={name}>{plain(name)}</option>)}
          </select>
        )}
      </header>
      <div class="rows properties" tabIndex={0} role="region" aria-label={t.cards.properties}>
        {trouble ? <TroubleBox trouble={trouble} /> : !event ? names.data && <p class="nothing">{t.properties.none}</p>
          : data?.length === 0 ? <p class="nothing">{t.properties.empty}</p>
          : data?.map((property) => (
            <dl key={property.key}>
              <dt><Stranger text={property.key} /><span class="number">{format.short(property.events)}</span></dt>
              {property.values.map((one) => (
                <dd key={one.value}>
                  <span class="bar" ref={(element: HTMLSpanElement | null) => { if (element) element.style.width = `${(100 * one.events) / Math.max(1, property.events)}%`; }} />
                  <Stranger text={one.value || t.none} /><span class="number">{format.short(one.events)}</span>
                </dd>
              ))}
            </dl>
          ))}
      </div>
      <footer><span />{event && <CsvLink query={ofEvent(Date.now())} />}</footer>
    </section>
  );
}
