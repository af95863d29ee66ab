// Asking /api/v1. Every failure becomes a Trouble that says which kind it is, so that a page can say what to do.

export type TroubleKind = "away" | "signed_out" | "forbidden" | "limited" | "off" | "wrong" | "missing" | "broken";

export class Trouble extends Error {
  constructor(readonly kind: TroubleKind, message: string, readonly status = 0, readonly retryAfter = 0) {
    super(message);
  }
}

const KINDS: Record<number, TroubleKind> = {
  400: "wrong", 401: "signed_out", 403: "forbidden", 404: "missing", 429: "limited", 503: "off",
};
/** A question that takes longer is given up: the page says so instead of waiting for ever. */
const PATIENCE_MS = 20_000;

export interface Ask { method?: string; body?: unknown; signal?: AbortSignal }

const early = new Map<string, Promise<unknown>>();
/** An answer that nobody has come for by then is too old. */
const EARLY_MS = 3000;

/** Asks now what will be asked in a moment, while the page is still being made; `ask` then gives this answer, once. */
export function askEarly(path: string): void {
  const answer = ask<unknown>(path);
  // Whoever comes for it gets the failure; nobody may come.
  answer.catch(() => {});
  early.set(path, answer);
  setTimeout(() => early.delete(path), EARLY_MS);
}

/** Asks `/api/v1/PATH` and gives the answer's JSON; undefined for an empty answer. */
export function ask<T>(path: string, how: Ask = {}): Promise<T> {
  const waiting = early.get(path);
  if (!waiting || how.method) return send<T>(path, how);
  early.delete(path);
  return waiting as Promise<T>;
}

async function send<T>(path: string, { method = "GET", body, signal }: Ask): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-Onepixel-Csrf"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let answer: Response;
  try {
    answer = await fetch(`/api/v1/${path}`, {
      method, headers, cache: "no-store", credentials: "same-origin",
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Trouble("away", "");
  }
  if (!answer.ok) throw await trouble(answer, path);
  if (answer.status === 204) return undefined as T;
  try {
    return (await answer.json()) as T;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Trouble("broken", "", answer.status);
  }
}

/** Questions to the live view are always there, unless the live view is not. */
const QUESTION = /^(sites|overview|series|top|properties|recent)(\?|$)/;

async function trouble(answer: Response, path: string): Promise<Trouble> {
  let message = "";
  try {
    const said = (await answer.json()) as { error?: unknown };
    if (typeof said.error === "string") message = said.error;
  } catch {
    // A proxy's error page: the status alone has to do.
  }
  const seconds = Number(answer.headers.get("Retry-After"));
  const kind = answer.status === 404 && QUESTION.test(path) ? "off" : KINDS[answer.status] ?? "broken";
  return new Trouble(kind, message, answer.status, Number.isFinite(seconds) ? seconds : 0);
}

/** What anything thrown means to the viewer; null for a question that was given up on purpose. */
export function asTrouble(error: unknown): Trouble | null {
  if (error instanceof Trouble) return error;
  if (error instanceof DOMException && error.name === "AbortError") return null;
  return new Trouble("broken", error instanceof Error ? error.message : String(error));
}
