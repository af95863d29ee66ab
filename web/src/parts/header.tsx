// The bar on top: where one is, where one can go, the theme, the help.
import { useEffect, useRef, useState } from "preact/hooks";
import { useShared } from "../state/context";
import { useKeys } from "../state/keys";
import { applyTheme, nextTheme, storedTheme } from "../state/theme";
import { type Place, write } from "../state/view";
import { t } from "../text";

const THEME_SIGNS = { auto: "◐", light: "☀", dark: "☾" };

export function Header({ openHelp }: { openHelp: () => void }) {
  const { view, go, session, can } = useShared();
  const [theme, setTheme] = useState(storedTheme);
  useEffect(() => applyTheme(theme), [theme]);
  useKeys({ g: () => setTheme(nextTheme) });
  const follow = (place: Place) => (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go({ ...view, place, wall: false });
  };
  const nav = useRef<HTMLElement>(null);
  // On a phone the row of places is wider than the screen.
  useEffect(() => {
    const current = nav.current?.querySelector<HTMLElement>("[aria-current]");
    if (nav.current && current) nav.current.scrollLeft = current.offsetLeft - nav.current.clientWidth / 2;
  }, [view.place]);
  const places = session.scope === "public" ? [] : can.places;
  return (
    <header class="top">
      <a class="brand" href={write({ ...view, place: "/", wall: false })} onClick={follow("/")}>
        <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true"><rect width="32" height="32" rx="8" /><path d="M8 16h4v8H8zM14 12h4v12h-4zM20 8h4v16h-4z" /></svg>
        {t.product}
      </a>
      <nav ref={nav} aria-label={t.product}>
        {places.map((place) => (
          <a key={place} href={write({ ...view, place, wall: false })} onClick={follow(place)} aria-current={place === view.place ? "page" : undefined}>{t.nav[place]}</a>
        ))}
      </nav>
      <div class="tools">
        <button type="button" class="icon" onClick={() => setTheme(nextTheme)} aria-label={t.theme[theme]} title={t.theme[theme]}>{THEME_SIGNS[theme]}</button>
        <button type="button" class="icon" onClick={openHelp} aria-label={t.shortcuts} title={t.shortcuts}>?</button>
      </div>
    </header>
  );
}
