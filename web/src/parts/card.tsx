// A card of rankings: tabs, the first rows, and the way to all of them. A row is a filter.
import { useState } from "preact/hooks";
import * as format from "../state/format";
import { useAnswer, useShared } from "../state/context";
import { plain } from "../state/stranger";
import { question, span } from "../state/question";
import { hasFilter, toggleFilter, type View } from "../state/view";
import { t } from "../text";
import type { Dimension, Row, Top } from "../types";
import { AllDialog } from "./all";
import { CsvLink, Outside, Stranger, Tabs } from "./bits";
import { named } from "./names";
import { TroubleBox } from "./trouble";

export const ROWS = 8;

/** Visitors only where the viewer looks at them: ranking by what the chart shows. */
export const orderOf = (view: View): "views" | "visitors" | "events" =>
  view.metric === "visitors" ? "visitors" : view.metric === "events" || view.metric === "machine" ? "events" : "views";

/** Custom events have no views, so their ranking is by events. */
export const orderFor = (view: View, dimension: Dimension) => (dimension === "event" ? "events" : orderOf(view));

export function Card({ title, tabs, tick, open, setOpen }: { title: string; tabs: readonly Dimension[]; tick: number; open?: boolean; setOpen?: (on: boolean) => void }) {
  const { view, can } = useShared();
  const [chosen, choose] = useState(tabs[0] as Dimension);
  const [allOpen, setAllOpen] = useState(false);
  const order = orderFor(view, chosen);
  const query = (now: number, more: Record<string, string | number>) => `top?${question(view, now, { dimension: chosen, order, ...more })}`;
  const { data, trouble, loading } = useAnswer<Top>(query(0, {}), () => query(Date.now(), { limit: ROWS }), tick);
  const top = data?.dimension === chosen ? data : null;
  const shut = () => {
    setAllOpen(false);
    setOpen?.(false);
  };
  return (
    <section class="card" aria-label={title} aria-busy={loading} data-card={tabs[0]} data-dimension={chosen}>
      <header>
        {tabs.length > 1 ? <Tabs all={tabs} chosen={chosen} choose={choose} label={title} name={(one) => t.tabs[one]} /> : <h2>{t.tabs[chosen]}</h2>}
        {tabs.length < 5 && <span class="unit">{t.columns[order]}{span(view, Date.now()).from % can.topStep > 0 && t.card.widened}</span>}
      </header>
      <div class="rows">
        {trouble && !top ? <TroubleBox trouble={trouble} /> : top && top.rows.length === 0
          ? <p class="nothing">{view.filters.length || view.classes.length ? t.card.emptyFiltered : t.card.empty}</p>
          : top ? <ol>{top.rows.map((row) => <RowLine key={row.value} row={row} dimension={chosen} order={order} most={most(top.rows, order)} total={top[order] ?? 0} />)}</ol>
          : <ol class="placeholder" aria-hidden="true">{Array.from({ length: 5 }, (_, index) => <li key={index} />)}</ol>}
      </div>
      <footer>
        <button type="button" class="small" onClick={() => setAllOpen(true)} title={t.all.openHint(t.tabs[chosen])} disabled={!top?.values}>
          {t.all.open}{top ? ` ${format.count(top.values)}` : ""}
        </button>
        <CsvLink query={query(Date.now(), { limit: 1000 })} />
      </footer>
      {(allOpen || open) && <AllDialog dimension={chosen} close={shut} />}
    </section>
  );
}

/** The longest bar; the row for "without one" does not count, or it would flatten all others. */
function most(rows: Row[], order: "views" | "visitors" | "events"): number {
  const named = rows.filter((row) => row.value !== "");
  return Math.max(1, ...(named.length ? named : rows).map((row) => row[order] ?? 0));
}

/** Dimensions that are ranked but cannot be asked for: an entry page filters by its page. */
export const filterOf = (dimension: Dimension): Dimension => (dimension === "entry" || dimension === "exit" ? "page" : dimension);

export function isChosen(view: View, dimension: Dimension, value: string): boolean {
  if (dimension === "site" && value) return view.site === value;
  if (dimension === "class") return view.classes.includes(value);
  return hasFilter(view, { dimension: filterOf(dimension), value });
}

function RowLine({ row, dimension, order, most, total }: { row: Row; dimension: Dimension; order: "views" | "visitors" | "events"; most: number; total: number }) {
  const { view, go, can } = useShared();
  const isFilter = can.filters(filterOf(dimension));
  const people = can.visitors ? `, ${format.count(row.visitors ?? 0)} ${t.columns.visitors}` : "";
  const name = named(dimension, row.value);
  const bar = (element: HTMLSpanElement | null) => {
    if (element) element.style.width = `${Math.min(100, (100 * (row[order] ?? 0)) / most)}%`;
  };
  return (
    <li>
      <button type="button" disabled={!isFilter} class={row.value ? "row" : "row unnamed"} aria-pressed={isChosen(view, dimension, row.value)} title={isFilter ? t.filters.add(plain(row.value || name)) : plain(row.value || name)}
        onClick={() => go(toggleFilter(view, { dimension: filterOf(dimension), value: row.value }))}>
        <span class="bar" ref={bar} />
        <span class="label"><Stranger text={name} title={false} /></span>
        <span class="percent">{format.share(row[order] ?? 0, total)}</span>
        <span class="number" title={`${format.count(row.views)} ${t.columns.views}${people}, ${format.count(row.events)} ${t.columns.events}`}>{format.short(row[order] ?? 0)}</span>
      </button>
      {(dimension === "referrer" || dimension === "host") && <span class="beside">{row.value && <Outside address={`https://${row.value}/`} label={plain(row.value)} />}</span>}
    </li>
  );
}
