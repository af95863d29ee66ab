// Light, dark, or as the system says: kept in this browser only.
export type Theme = "auto" | "light" | "dark";
const KEY = "onepixel_theme";
const ORDER: Theme[] = ["auto", "light", "dark"];

export function storedTheme(): Theme {
  try {
    return ORDER.find((one) => one === localStorage.getItem(KEY)) ?? "auto";
  } catch {
    return "auto";
  }
}

export function applyTheme(theme: Theme): void {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // A browser without storage forgets the choice; the page works.
  }
  dispatchEvent(new Event("onepixel-theme"));
}

export const nextTheme = (theme: Theme): Theme => ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? "auto";
