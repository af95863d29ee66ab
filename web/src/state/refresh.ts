// When the dashboard asks again: soon after a hit, but never so often that the answers become the load.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { pace } from "./context";

/** The live view takes hits in batches of a second; asking earlier shows the old number. */
const AFTER_HIT_MS = 1500;
const BETWEEN_MS = 5000;
/** Without hits the range still moves on. */
const IDLE_MS = 30_000;

/** The pause to the next question: at least ten times as long as the slowest answer took. */
export const pause = (slowest: number): number => Math.max(BETWEEN_MS, 10 * slowest);

/** A number that counts up when it is time to ask, and the function to call when a hit came. */
export function useRefresh(on: boolean): [tick: number, arrived: () => void] {
  const [tick, setTick] = useState(0);
  const last = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const plan = useCallback((ms: number) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      timer.current = undefined;
      last.current = Date.now();
      if (!document.hidden) setTick((n) => n + 1);
      plan(IDLE_MS);
    }, ms);
  }, []);
  const due = useRef(0);
  const arrived = useCallback(() => {
    if (!on) return;
    const at = Math.max(Date.now() + AFTER_HIT_MS, last.current + pause(pace()));
    if (timer.current && due.current > Date.now() && due.current <= at) return;
    due.current = at;
    plan(at - Date.now());
  }, [on, plan]);
  useEffect(() => {
    if (!on) return;
    plan(IDLE_MS);
    const seen = () => {
      if (!document.hidden) setTick((n) => n + 1);
    };
    document.addEventListener("visibilitychange", seen);
    return () => {
      clearTimeout(timer.current);
      timer.current = undefined;
      document.removeEventListener("visibilitychange", seen);
    };
  }, [on, plan]);
  return [tick, arrived];
}
