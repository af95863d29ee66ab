// The bar that says what is looked at: site, range, classes, filters. All of it is in the address.
import { useRef, useState } from "preact/hooks";
import * as format from "../state/format";
import { plain } from "../state/stranger";
import { useShared } from "../state/context";
import { RANGES, type Range, toggleClass, toggleFilter } from "../state/view";
import { t } from "../text";
import { CLASSES, type Overview, type Site } from "../types";
import { Dialog, Segments, Stranger } from "./bits";
import { named } from "./names";

export function SitePicker({ sites }: { sites: Site[] | null }) {
  const { view, go, session } = useShared();
  if (session.scope === "public") return <h1 class="site"><Stranger text={session.site ?? ""} /></h1>;
  const known = sites?.some((one) => one.site === view.site) ?? false;
  return (
    <select class="site" aria-label={t.site} value={view.site} onChange={(event) => go({ ...view, site: event.currentTarget.value })}>
      <option value="">{t.allSites}</option>
      {view.site && !known && <option value={view.site}>{plain(view.site)}</option>}
      {sites?.map((one) => <option key={one.site} value={one.site}>{plain(one.site)}</option>)}
    </select>
  );
}

export function RangePicker({ custom, setCustom }: { custom: boolean; setCustom: (on: boolean) => void }) {
  const { view, go } = useShared();
  const choose = (range: Range) => {
    if (range === "custom") setCustom(true);
    else go({ ...view, range, from: null, to: null, unit: null });
  };
  const name = (range: Range) => range === "custom" && view.range === "custom" && view.from !== null
    ? `${format.day(view.from)} ${format.minute(view.from)} – ${view.to === null ? "" : `${format.day(view.to)} ${format.minute(view.to)}`}` : t.range[range];
  return (
    <>
      <Segments all={RANGES} chosen={view.range} choose={choose} label={t.range.label} name={name} />
      {custom && <CustomRange close={() => setCustom(false)} />}
    </>
  );
}

/** Milliseconds as `datetime-local` writes them, in the viewer's zone. */
function local(ms: number): string {
  const at = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

function CustomRange({ close }: { close: () => void }) {
  const { view, go } = useShared();
  const now = Date.now();
  const [from, setFrom] = useState(local(view.from ?? now - 86_400_000));
  const [to, setTo] = useState(local(view.to ?? now));
  const [wrong, setWrong] = useState(false);
  const apply = (event: Event) => {
    event.preventDefault();
    const span = { from: new Date(from).getTime(), to: new Date(to).getTime() };
    if (!(span.from < span.to)) return setWrong(true);
    go({ ...view, range: "custom", ...span, unit: null });
    close();
  };
  return (
    <Dialog title={t.range.custom} close={close}>
      <form class="fields" onSubmit={apply}>
        <label>{t.from}<input type="datetime-local" value={from} max={local(now)} required onInput={(event) => setFrom(event.currentTarget.value)} /></label>
        <label>{t.to}<input type="datetime-local" value={to} required onInput={(event) => setTo(event.currentTarget.value)} /></label>
        {wrong && <p class="wrong" role="alert">{t.badRange}</p>}
        <button type="submit" class="primary">{t.apply}</button>
      </form>
    </Dialog>
  );
}

/** Every class with what it would show, whatever is chosen: labelled, never hidden. */
export function ClassToggles({ overview }: { overview: Overview | null }) {
  const { view, go } = useShared();
  const counts = new Map(overview?.classes.map((one) => [one.class, one.events]));
  const names = [...new Set([...CLASSES, ...counts.keys(), ...view.classes])];
  return (
    <div class="classes" role="group" aria-label={t.classes.label}>
      <button type="button" aria-pressed={view.classes.length === 0} onClick={() => go({ ...view, classes: [] })}>{t.classes.all}</button>
      {names.map((name) => (
        <button key={name} type="button" aria-pressed={view.classes.includes(name)} onClick={() => go(toggleClass(view, name))}>
          {t.classes[name] ?? plain(name)} <span class="number">{overview ? format.short(counts.get(name) ?? 0) : "…"}</span>
        </button>
      ))}
    </div>
  );
}

export function FilterChips() {
  const { view, go } = useShared();
  const list = useRef<HTMLUListElement>(null);
  if (!view.filters.length) return null;
  return (
    <ul class="chips" ref={list} aria-label={t.filters.label}>
      {view.filters.map((filter) => {
        const text = `${t.dimension[filter.dimension]}: ${plain(named(filter.dimension, filter.value))}`;
        return (
          <li key={`${filter.dimension}:${filter.value}`}>
            <button type="button" class="chip" onClick={() => go(toggleFilter(view, filter))} title={text}>
            <span class="unseen">{t.filters.remove}</span>
              <span class="dimension">{t.dimension[filter.dimension]}</span>
              <Stranger text={named(filter.dimension, filter.value)} title={false} />
              <span aria-hidden="true">✕</span>
            </button>
          </li>
        );
      })}
      <li><button type="button" class="small" onClick={() => go({ ...view, filters: [] })}>{t.filters.clear}</button></li>
    </ul>
  );
}
