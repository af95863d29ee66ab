// A dimension's value as it is read: countries and languages by name, nothing as a word for nothing.
import { country, language } from "../state/format";
import { t } from "../text";
import type { Dimension } from "../types";

export function named(dimension: Dimension, value: string): string {
  if (value === "") return t.unnamed[dimension] ?? t.none;
  switch (dimension) {
    case "country": return country(value);
    case "language": return language(value);
    case "class": return t.classes[value] ?? value;
    default: return value;
  }
}
