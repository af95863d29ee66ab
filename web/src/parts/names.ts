// A dimension's value as it is read: countries and languages by name, nothing as a word for nothing.
import { country, flag, language } from "../state/format";
import { t } from "../text";
import type { Dimension } from "../types";

export function named(dimension: Dimension, value: string): string {
  if (value === "") return t.unnamed[dimension] ?? t.none;
  switch (dimension) {
    case "country": return `${flag(value)} ${country(value)}`.trim();
    case "language": return language(value);
    case "class": return t.classes[value] ?? value;
    default: return value;
  }
}
