// What every part of the page shares: the view in the address bar, the session, and how to change them.
import { createContext } from "preact";
import { useContext, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Session } from "../types";
import { type Trouble, ask, asTrouble } from "./api";
import type { Can } from "./can";
import type { View } from "./view";

export interface Shared {
  view: View;
  session: Session;
  /** What this dashboard can show. */
  can: Can;
  /** Shows another view and writes it into the address; `replace` makes no step for the back button. */
  go(next: View, replace?: boolean): void;
  signedOut(): void;
  refreshSession(): void;
}

export const SharedContext = createContext<Shared | null>(null);

export function useShared(): Shared {
  const shared = useContext(SharedContext);
  if (!shared) throw new Error("a part outside of the app");
  return shared;
}

export interface Answer<T> { data: T | null; trouble: Trouble | null; loading: boolean; stale: boolean }

/** How long the slowest of the last answers took: whoever asks again and again leaves the server ten times that. */
let slowest = 0;
export const pace = (): number => slowest;

/** Wait before a failed question is asked again by itself. */
const RETRY_MS = 5_000;

/**
 * Asks again whenever `key` or `tick` changes, keeps the old answer while the next is on its way, drops answers that
 * come too late, and tries again by itself after a failure that may pass.
 */
export function useAnswer<T>(key: string | null, path: () => string, tick = 0): Answer<T> {
  const { signedOut } = useShared();
  const [answer, setAnswer] = useState<Answer<T> & { key: string | null }>({ key: null, data: null, trouble: null, loading: true, stale: false });
  const [attempt, setAttempt] = useState(0);
  const latest = useRef(path);
  latest.current = path;
  // Before the browser paints: a question costs time, an empty page does not get better by being seen first.
  useLayoutEffect(() => {
    if (key === null) return;
    const stop = new AbortController();
    let again: ReturnType<typeof setTimeout> | undefined;
    setAnswer((old) => ({ ...old, loading: true, stale: old.key !== key }));
    const began = performance.now();
    ask<T>(latest.current(), { signal: stop.signal }).then(
      (data) => {
        if (stop.signal.aborted) return;
        slowest = Math.max(performance.now() - began, slowest * 0.8);
        setAnswer({ key, data, trouble: null, loading: false, stale: false });
      },
      (error: unknown) => {
        const trouble = asTrouble(error);
        if (!trouble || stop.signal.aborted) return;
        if (trouble.kind === "signed_out") signedOut();
        setAnswer((old) => ({ key, data: old.key === key ? old.data : null, trouble, loading: false, stale: true }));
        if (["away", "limited", "off", "broken"].includes(trouble.kind)) {
          again = setTimeout(() => setAttempt((n) => n + 1), Math.max(RETRY_MS, trouble.retryAfter * 1000));
        }
      },
    );
    return () => {
      stop.abort();
      clearTimeout(again);
    };
  }, [key, tick, attempt]);
  return answer;
}

/** Counts up every `ms` while the page is seen. */
export function useTicker(ms: number, on = true): number {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    if (!on) return;
    const timer = setInterval(() => {
      if (!document.hidden) setTick((n) => n + 1);
    }, ms);
    return () => clearInterval(timer);
  }, [ms, on]);
  return tick;
}
