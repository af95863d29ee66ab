// The first screen: what came in, from where, and what comes in now.
import { useEffect, useState } from "preact/hooks";
import { Boundary } from "../parts/boundary";
import { CsvLink, Segments } from "../parts/bits";
import { Card } from "../parts/card";
import { Chart, ChartTable } from "../parts/chart";
import { FeedList } from "../parts/feed_list";
import { Properties } from "../parts/properties";
import { ClassToggles, FilterChips, RangePicker, SitePicker } from "../parts/scope_bar";
import { Tiles } from "../parts/tiles";
import { TroubleBox } from "../parts/trouble";
import { useFeed } from "../parts/use_feed";
import { Wall } from "../parts/wall";
import { useAnswer, useShared } from "../state/context";
import { useKeys } from "../state/keys";
import { overviewPath, question, span, unitOf, units, zone } from "../state/question";
import { useRefresh } from "../state/refresh";
import type { Range, View } from "../state/view";
import { t } from "../text";
import type { Dimension, Overview, Series, Site } from "../types";

const CARDS: [string, readonly Dimension[]][] = [
  [t.cards.pages, ["page", "entry", "exit", "title"]],
  [t.cards.sources, ["referrer", "group"]],
  [t.cards.campaigns, ["campaign", "source", "medium", "term", "content"]],
  [t.cards.technology, ["browser", "os", "device"]],
  [t.cards.places, ["language", "country"]],
  [t.cards.placements, ["site", "host", "class"]],
  [t.cards.events, ["event"]],
];
const CHART_HEIGHT = 250;
const RANGE_KEYS: Record<string, Range> = { l: "30m", t: "today", d: "24h", w: "7d" };

/** The questions that the whole first screen shares. */
function useNumbers(view: View, tick: number) {
  const overview = (now: number) => overviewPath(view, now);
  const series = (now: number) => `series?${question(view, now, { unit: unitOf(view, now), zone: zone() })}`;
  return {
    overview: useAnswer<Overview>(overview(0), () => overview(Date.now()), tick),
    series: useAnswer<Series>(series(0), () => series(Date.now()), tick),
    seriesQuery: () => series(Date.now()),
    overviewQuery: () => overview(Date.now()),
  };
}

export function Dashboard() {
  const { view, go, session, can } = useShared();
  const [custom, setCustom] = useState(false);
  const [table, setTable] = useState(false);
  const [search, setSearch] = useState(false);
  const [tick, arrived] = useRefresh(view.to === null || view.to > Date.now());
  const numbers = useNumbers(view, tick);
  const feed = useFeed(view, arrived);
  // The numbers on top first: all cards at once are as many questions as would keep both cores of a small server from them.
  const [begun, setBegun] = useState(false);
  const waiting = numbers.overview.loading;
  useEffect(() => setBegun((was) => was || !waiting), [waiting]);
  const siteQuery = `sites${view.link ? `?link=${encodeURIComponent(view.link)}` : ""}`;
  const sites = useAnswer<Site[]>(siteQuery, () => siteQuery, Math.floor(tick / 6));
  const setWall = (wall: boolean) => go({ ...view, wall });
  useKeys({
    ...Object.fromEntries(Object.entries(RANGE_KEYS).map(([key, range]) => [key, () => go({ ...view, range, from: null, to: null, unit: null })])),
    ...Object.fromEntries(can.metrics.map((metric, index) => [String(index + 1), () => go({ ...view, metric })])),
    c: () => setCustom(true), v: () => setTable((on) => !on), "/": () => setSearch(true), p: feed.togglePause,
    f: () => setWall(!view.wall), h: () => go({ ...view, classes: view.classes.join() === "human" ? [] : ["human"] }),
    Escape: () => go({ ...view, wall: false, filters: view.wall ? view.filters : [] }),
  });
  const cards = CARDS.map(([title, tabs]) => [title, tabs.filter((one) => can.ranks(one))] as const).filter(([, tabs]) => tabs.length > 0);
  const overview = numbers.overview.data;
  const now = feed.snapshot.now ?? overview?.now ?? null;
  if (view.wall) return <Wall overview={overview} series={numbers.series.data} feed={feed} now={now} leave={() => setWall(false)} />;

  const trouble = numbers.overview.trouble ?? numbers.series.trouble;
  const isNew = sites.data?.length === 0 && feed.snapshot.entries.length === 0 && overview?.events === 0;
  return (
    <main id="content" class="page dashboard">
      <div class="scope">
        <SitePicker sites={sites.data} />
        {can.visitors && <p class="on-site" title={t.onSiteHint}><i aria-hidden="true" data-on={now ? "" : undefined} /><span data-now>{now === null ? "…" : t.onSite(now)}</span></p>}
        <span class="space" />
        <RangePicker custom={custom} setCustom={setCustom} />
      </div>
      <div class="scope second">
        <ClassToggles overview={overview} />
        <FilterChips />
        <span class="space" />
        <CsvLink query={numbers.overviewQuery()} label={t.numbersCsv} />
      </div>
      {trouble && trouble.kind !== "signed_out" && <TroubleBox trouble={trouble} />}
      {isNew && session.scope !== "public" && (
        <section class="welcome">
          <h2>{t.empty.title}</h2>
          <p>{t.empty.text}</p>
          <a class="button primary" href="/setup" onClick={(event) => { event.preventDefault(); go({ ...view, place: "/setup" }); }}>{t.empty.act}</a>
        </section>
      )}
      <div class="columns">
        <section class="panel" aria-label={t.chart.over(t.metric[view.metric])} aria-busy={numbers.series.loading}>
          <Boundary><Tiles overview={overview} /></Boundary>
          <SeriesView view={view} series={numbers.series.data} table={table} setTable={setTable} csv={numbers.seriesQuery()} setUnit={(unit) => go({ ...view, unit }, true)} />
        </section>
        <Boundary><FeedList feed={feed} openWall={() => setWall(true)} /></Boundary>
        <div class="cards">
          {begun && cards.map(([title, tabs]) => (
            <Boundary key={title}><Card title={title} tabs={tabs} tick={tick} {...(tabs[0] === "page" && { open: search, setOpen: setSearch })} /></Boundary>
          ))}
          {begun && can.properties && <Boundary><Properties tick={tick} /></Boundary>}
        </div>
      </div>
    </main>
  );
}

interface SeriesViewProps { view: View; series: Series | null; table: boolean; setTable: (on: boolean) => void; csv: string; setUnit: (unit: Series["unit"]) => void }

function SeriesView({ view, series, table, setTable, csv, setUnit }: SeriesViewProps) {
  const now = Date.now();
  const { from, to } = span(view, now);
  const { possible } = units((to ?? now) - from);
  const isEmpty = series !== null && series.points.every((point) => point.events === 0);
  return (
    <div class="series">
      <div class="series-tools">
        <Segments all={possible} chosen={unitOf(view, now)} choose={setUnit} label={t.unit.label} name={(unit) => t.unit[unit]} />
        <span class="space" />
        <button type="button" class="small" aria-pressed={table} onClick={() => setTable(!table)}>{table ? t.chart.chart : t.chart.table}</button>
        <CsvLink query={csv} />
      </div>
      <div class="series-box" data-points={series?.points.length}>
        {series && (table ? <ChartTable series={series} /> : <Chart series={series} metric={view.metric} height={CHART_HEIGHT} />)}
        {isEmpty && !table && <p class="nothing over">{t.chart.empty}</p>}
      </div>
    </div>
  );
}
