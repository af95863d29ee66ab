// One feed for the page and the wall: it lives as long as the question stays the same.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ask } from "../state/api";
import { pace, useShared } from "../state/context";
import { Feed, type Snapshot, browserDoors } from "../state/feed";
import { Poll } from "../state/poll";
import { scope } from "../state/question";
import type { View } from "../state/view";
import type { Hit } from "../types";

export interface LiveFeed { snapshot: Snapshot; paused: boolean; togglePause(): void; hold(reason: string, on: boolean): void }

const NOTHING: Snapshot = { status: "connecting", entries: [], waiting: 0, now: null };
const RECENT = 50;
const DRAW_EVERY_MS = 100;
/** A tab that is only passed by keeps its connection. */
const REST_AFTER_MS = 10_000;

export function useFeed(view: View, arrived: () => void): LiveFeed {
  const [snapshot, setSnapshot] = useState(NOTHING);
  const [paused, setPaused] = useState(false);
  const { can } = useShared();
  const feed = useRef<Feed | Poll | null>(null);
  const latest = useRef(arrived);
  latest.current = arrived;
  const key = scope(view).toString();
  useEffect(() => {
    setSnapshot(NOTHING);
    const query = new URLSearchParams(key);
    const recent = (signal: AbortSignal) => ask<Hit[]>(`recent?${key}&limit=${RECENT}`, { signal });
    // Hundreds of hits a second are drawn ten times a second.
    let next = NOTHING;
    let drawing: ReturnType<typeof setTimeout> | undefined;
    const draw = (snapshot: Snapshot) => {
      next = snapshot;
      drawing ??= setTimeout(() => {
        drawing = undefined;
        setSnapshot(next);
      }, DRAW_EVERY_MS);
    };
    const doors = browserDoors(recent);
    const heard = () => latest.current();
    const one = can.feed ? new Feed(query, doors, draw, heard) : new Poll(doors, pace, draw, heard);
    if (paused) one.hold("pause", true);
    feed.current = one;
    void one.start();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const seen = () => {
      clearTimeout(timer);
      if (document.hidden) timer = setTimeout(() => one.rest(true), REST_AFTER_MS);
      else one.rest(false);
    };
    seen();
    document.addEventListener("visibilitychange", seen);
    return () => {
      document.removeEventListener("visibilitychange", seen);
      clearTimeout(timer);
      clearTimeout(drawing);
      one.close();
    };
  }, [key, can.feed]);
  const hold = useCallback((reason: string, on: boolean) => feed.current?.hold(reason, on), []);
  const togglePause = useCallback(() => setPaused((on) => !on), []);
  useEffect(() => hold("pause", paused), [paused, hold]);
  return { snapshot, paused, togglePause, hold };
}
