// Text from strangers: what could make it read as something else is found, so that it can be shown instead of obeyed.

export interface Piece { text: string; hidden: boolean }

/**
 * Controls, bidirectional controls, zero-width and other invisible characters, lone surrogates, the replacement
 * character. Unicode's categories Cc, Cf, Cs, Co, Zl, Zp, and the blank letters that look like nothing.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f\ufffd]/u;

/** More accents on one letter than any language has climb over the neighbouring rows. */
const MARKS_MAX = 4;

/** Splits the text into what can be shown and what has to be named: `a\u202eb` is `a`, `U+202E`, `b`. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let marks = 0;
  let before = "";
  for (const character of text) {
    marks = /\p{M}/u.test(character) ? marks + 1 : 0;
    const hidden = (HIDDEN.test(character) && !joinsEmoji(character, before)) || marks > MARKS_MAX;
    before = character;
    const last = found.at(-1);
    if (!hidden && last && !last.hidden) last.text += character;
    else found.push({ text: hidden ? codePoint(character) : character, hidden });
  }
  return found;
}

/** The joiner and the selector that make one emoji of several are seen: as the emoji. */
function joinsEmoji(character: string, before: string): boolean {
  return (character === "\u200d" && /[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f]/u.test(before)) || (character === "\ufe0f" && /\p{Extended_Pictographic}/u.test(before));
}

function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** The text with the code points in brackets, for titles and labels, which have no markup. */
export function plain(text: string): string {
  return pieces(text).map((piece) => (piece.hidden ? `[${piece.text}]` : piece.text)).join("");
}

/** The address if a link may lead there: http or https, no name or password in it. Null for all else. */
export function webAddress(text: unknown): string | null {
  if (typeof text !== "string" || !/^https?:\/\//i.test(text)) return null;
  try {
    const url = new URL(text);
    return url.username || url.password ? null : url.href;
  } catch {
    return null;
  }
}
