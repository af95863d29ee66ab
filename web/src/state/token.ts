// The one-time token of a sign-in link, from `#token=` or `?token=`. It leaves the address at once, so that neither the
// history nor a screenshot nor a Referer keeps it.

/** The token in the address, if there is one; the address is without it afterwards. */
export function takeToken(from: Location = location, to: History = history): string | null {
  const search = new URLSearchParams(from.search);
  const hash = new URLSearchParams(from.hash.slice(1));
  const token = hash.get("token") ?? search.get("token");
  if (token === null) return null;
  search.delete("token");
  hash.delete("token");
  const query = search.toString();
  const fragment = hash.toString();
  to.replaceState(null, "", from.pathname + (query && `?${query}`) + (fragment && `#${fragment}`));
  return token || null;
}

const KEY = "onepixel_signed_in";

/** Whether this browser was signed in when it was here last: no proof of anything, only worth a guess. */
export function wasSignedIn(): boolean {
  try {
    return localStorage.getItem(KEY) === "1";
  } catch {
    return false;
  }
}

export function rememberSignIn(on: boolean): void {
  try {
    if (on) localStorage.setItem(KEY, "1");
    else localStorage.removeItem(KEY);
  } catch {
    // Then nothing is guessed.
  }
}
