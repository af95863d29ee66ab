// The frame around every page: who is signed in, where the viewer is, and what the keyboard does everywhere.
import type { ComponentType } from "preact";
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { Boundary } from "./parts/boundary";
import { Header } from "./parts/header";
import { ShortcutsDialog } from "./parts/shortcuts";
import { TroubleBox } from "./parts/trouble";
import { Dashboard } from "./pages/dashboard";
import { SignIn } from "./pages/sign_in";
import { type Trouble, ask, askEarly, asTrouble } from "./state/api";
import { type Can, canOf, fit } from "./state/can";
import { SharedContext } from "./state/context";
import { useKeys } from "./state/keys";
import { overviewPath } from "./state/question";
import { rememberSignIn, takeToken, wasSignedIn } from "./state/token";
import { PLACES, type Place, type View, read, write } from "./state/view";
import { t } from "./text";
import type { Capabilities, Session } from "./types";

/** Pages that are loaded when they are opened: the first screen needs none of them. */
const LATER: Record<Exclude<Place, "/">, () => Promise<{ default: ComponentType }>> = {
  "/pipeline": () => import("./pages/pipeline"),
  "/inspector": () => import("./pages/inspector"),
  "/setup": () => import("./pages/setup"),
  "/access": () => import("./pages/access"),
};
/** The one-time token, out of the address before anything else runs. */
const token = takeToken();

const here = (): View => read(location.pathname, location.search);
const withLink = (path: string) => `${path}${here().link ? `?link=${encodeURIComponent(here().link)}` : ""}`;
const sessionPath = () => withLink("session");
const capabilitiesPath = () => withLink("capabilities");

// Who looks again gets the numbers without waiting for the answer that he may see them.
if (!token) {
  askEarly(sessionPath());
  if (here().link || wasSignedIn()) {
    askEarly(capabilitiesPath());
    // A filter may be one that is not known here: what can be shown is asked first then.
    if (here().place === "/" && !here().filters.length) askEarly(overviewPath(here(), Date.now()));
  }
}

export function App() {
  const [view, setView] = useState(here);
  const [session, setSession] = useState<Session | null>(null);
  const [can, setCan] = useState<Can | null>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [help, setHelp] = useState(false);
  const go = useCallback((next: View, replace = false) => {
    history[replace ? "replaceState" : "pushState"](null, "", write(next));
    setView(next);
  }, []);
  useEffect(() => {
    const back = () => setView(here());
    addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  }, []);
  const refreshSession = useCallback(() => {
    ask<Session>(sessionPath()).then(
      (found) => {
        setSession(found);
        setTrouble(null);
      },
      (error: unknown) => setTrouble(asTrouble(error)),
    );
  }, []);
  useEffect(() => {
    if (token) {
      ask<Session>("session", { method: "POST", body: { token } }).then(
        (found) => {
          setSession(found);
          if (!found.password_set) go({ ...here(), place: "/access" }, true);
        },
        (error: unknown) => {
          tokenTrouble = asTrouble(error);
          refreshSession();
        },
      );
    } else refreshSession();
  }, [refreshSession]);
  const isIn = session?.signed_in === true;
  useEffect(() => {
    if (!isIn || can) return;
    const failed = (error: unknown) => {
      const found = asTrouble(error);
      if (found?.kind === "signed_out") setSession((old) => old && { ...old, signed_in: false, scope: null });
      else setTrouble(found);
    };
    ask<Capabilities>(capabilitiesPath()).then((found) => {
      setTrouble(null);
      setCan(canOf(found));
    }, failed);
  }, [isIn, can, trouble === null]);
  useEffect(() => {
    if (session) rememberSignIn(session.signed_in && session.scope !== "public");
  }, [session]);
  const signedOut = useCallback(() => setSession((old) => (old?.signed_in ? { ...old, signed_in: false, scope: null } : old)), []);
  const shared = useMemo(() => session && can && { view: fit(view, can), session, can, go, signedOut, refreshSession }, [view, session, can, go, signedOut, refreshSession]);
  const inside = session?.signed_in === true && session.scope !== "public";
  useKeys({
    "?": () => setHelp((on) => !on),
    ...(inside && can && Object.fromEntries(PLACES.flatMap((place, index) => (can.places.includes(place) ? [[`shift+${index + 1}`, () => go({ ...here(), place, wall: false })]] : [])))),
  });

  useEffect(() => {
    const place = shared?.view.place ?? view.place;
    document.title = [place === "/" ? view.site : t.nav[place], t.product].filter(Boolean).join(" · ");
  }, [shared?.view.place, view.place, view.site]);

  if (trouble && !shared) {
    return <main class="alone"><TroubleBox trouble={trouble} retry={refreshSession} /></main>;
  }
  if (session && !session.signed_in) {
    return <SignIn session={session} tokenTrouble={tokenTrouble} publicLink={view.link !== ""} signedIn={(found) => { tokenTrouble = null; setSession(found); }} />;
  }
  if (!shared) return <main class="alone" aria-busy="true"><p class="quiet">{token ? t.signIn.withToken : t.loading}</p></main>;
  const { place } = shared.view;
  return (
    <SharedContext.Provider value={shared}>
      <a class="skip" href="#content">{t.skip}</a>
      <Header openHelp={() => setHelp(true)} />
      <Boundary key={place}>
        {place === "/" || shared.session.scope === "public" ? <Dashboard /> : <Later place={place} />}
      </Boundary>
      {help && <ShortcutsDialog close={() => setHelp(false)} />}
    </SharedContext.Provider>
  );
}

let tokenTrouble: Trouble | null = null;

function Later({ place }: { place: Exclude<Place, "/"> }) {
  const [Page, setPage] = useState<ComponentType | null>(null);
  const [failed, setFailed] = useState<Trouble | null>(null);
  const load = () => {
    setFailed(null);
    LATER[place]().then((module) => setPage(() => module.default), (error: unknown) => setFailed(asTrouble(error)));
  };
  useEffect(load, [place]);
  if (failed) return <main id="content" class="page"><TroubleBox trouble={failed} retry={load} /></main>;
  return Page ? <Page /> : <main id="content" class="page" aria-busy="true" />;
}
