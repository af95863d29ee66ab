// Wall mode: for a screen that hangs somewhere and is read from afar.
import { useEffect, useRef } from "preact/hooks";
import * as format from "../state/format";
import { useShared } from "../state/context";
import { t } from "../text";
import type { Overview, Series } from "../types";
import { Chart } from "./chart";
import { Stranger } from "./bits";
import { FeedRow, keyOf } from "./feed_list";
import type { LiveFeed } from "./use_feed";

const ROWS = 24;

export function Wall({ overview, series, feed, now, leave }: { overview: Overview | null; series: Series | null; feed: LiveFeed; now: number | null; leave: () => void }) {
  const { view, session, can } = useShared();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // Without a gesture, after a reload for instance, the browser refuses: the wall then fills the window.
    if (navigator.userActivation?.isActive) box.current?.requestFullscreen?.().catch(() => {});
    // The screen stays on; where the browser does not know how, its owner's settings have to.
    let lock: WakeLockSentinel | undefined;
    navigator.wakeLock?.request("screen").then((given) => { lock = given; }, () => {});
    const left = () => {
      if (!document.fullscreenElement) leave();
    };
    document.addEventListener("fullscreenchange", left);
    return () => {
      void lock?.release();
      document.removeEventListener("fullscreenchange", left);
      if (document.fullscreenElement) void document.exitFullscreen();
    };
  }, []);
  return (
    <div class="wall" ref={box} id="content" role="main" aria-label={t.feed.wall}>
      <div class="figures">
        {can.visitors && <p class="now"><b data-now>{now === null ? "–" : format.count(now)}</b><span>{t.wall.now}</span></p>}
        <p><b>{overview ? format.short(overview.views) : "–"}</b><span>{t.metric.views}, {t.range[view.range]}</span></p>
        {can.visitors && <p><b>{overview ? format.short(overview.visitors ?? 0) : "–"}</b><span>{t.metric.visitors}</span></p>}
        <p class="where"><Stranger text={view.site || session.site || t.allSites} /><span class={`state ${feed.snapshot.status}`}>{t.feed[feed.snapshot.status]}</span></p>
        <button type="button" class="small" onClick={leave}>{t.wall.leave}</button>
      </div>
      <div class="wall-chart">{series && series.points.length > 0 && <Chart series={series} metric={view.metric} />}</div>
      <ol class="hits">{feed.snapshot.entries.slice(0, ROWS).map((entry) => <FeedRow key={keyOf(entry)} entry={entry} showSite={view.site === ""} />)}</ol>
    </div>
  );
}
