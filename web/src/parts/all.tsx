// Everything a card's ranking holds: searchable, page by page, with all three numbers.
import { useEffect, useState } from "preact/hooks";
import * as format from "../state/format";
import { type Trouble, ask, asTrouble } from "../state/api";
import { useShared } from "../state/context";
import { question } from "../state/question";
import { toggleFilter } from "../state/view";
import { t } from "../text";
import type { Dimension, Row, Top } from "../types";
import { CsvLink, Dialog, Stranger } from "./bits";
import { filterOf, isChosen, orderFor } from "./card";
import { named } from "./names";
import { TroubleBox } from "./trouble";

const PAGE = 50;
/** Typing asks after a pause, not at each key. */
const TYPING_MS = 200;
const ORDERS = ["views", "visitors", "events"] as const;

export function AllDialog({ dimension, close }: { dimension: Dimension; close: () => void }) {
  const { view, go, signedOut, can } = useShared();
  const orders = ORDERS.filter((one) => one !== "visitors" || can.visitors);
  const isFilter = can.filters(filterOf(dimension));
  const [search, setSearch] = useState("");
  const [order, setOrder] = useState<(typeof ORDERS)[number]>(orderFor(view, dimension));
  const [top, setTop] = useState<Top | null>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [pages, setPages] = useState(1);
  const [now] = useState(Date.now);
  const path = (offset: number, limit: number) =>
    `top?${question(view, now, { dimension, order, limit, ...(offset && { offset }), ...(search && { search }) })}`;

  const failed = (error: unknown) => {
    const found = asTrouble(error);
    if (found?.kind === "signed_out") signedOut();
    if (found) setTrouble(found);
  };
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => {
      ask<Top>(path(0, PAGE), { signal: stop.signal }).then((found) => {
        setTop(found);
        setPages(1);
        setTrouble(null);
      }, failed);
    }, search ? TYPING_MS : 0);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [search, order, dimension]);
  const more = () => {
    ask<Top>(path(pages * PAGE, PAGE)).then((found) => {
      setTop((old) => old && { ...found, rows: [...old.rows, ...found.rows] });
      setPages((n) => n + 1);
    }, failed);
  };
  const choose = (row: Row) => {
    go(toggleFilter(view, { dimension: filterOf(dimension), value: row.value }));
    close();
  };
  return (
    <Dialog title={t.tabs[dimension]} close={close} wide>
      <div class="finder">
        <input type="search" placeholder={t.all.search} aria-label={t.all.search} value={search} maxLength={200} autoFocus
          onInput={(event) => setSearch(event.currentTarget.value)} />
        <span class="quiet" aria-live="polite">{top ? t.all.found(top.values) : ""}</span>
        <CsvLink query={path(0, 1000)} />
      </div>
      {trouble && <TroubleBox trouble={trouble} />}
      <div class="scroll tall" tabIndex={0} role="region" aria-label={t.tabs[dimension]}>
        <table class="all">
          <thead>
            <tr>
              <th scope="col">{t.dimension[dimension]}</th>
              {orders.map((one) => (
                <th key={one} scope="col" aria-sort={one === order ? "descending" : undefined}>
                  <button type="button" class="sort" onClick={() => setOrder(one)}>{t.columns[one]}{one === order ? " ↓" : ""}</button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {top?.rows.map((row) => (
              <tr key={row.value}>
                <th scope="row">
                  {isFilter
                    ? <button type="button" class="plain" aria-pressed={isChosen(view, dimension, row.value)} onClick={() => choose(row)}><Stranger text={named(dimension, row.value)} /></button>
                    : <Stranger text={named(dimension, row.value)} />}
                </th>
                {orders.map((one) => <td key={one}>{format.count(row[one] ?? 0)}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
        {top && top.rows.length === 0 && <p class="nothing">{t.all.empty}</p>}
        {top && top.rows.length < top.values && <button type="button" class="more" onClick={more}>{t.all.more}</button>}
      </div>
    </Dialog>
  );
}
