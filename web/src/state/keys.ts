// Keyboard shortcuts: single keys, never while somebody types, never with Ctrl, Alt or Meta, which belong to the browser.
import { useEffect, useRef } from "preact/hooks";

export type Keys = Record<string, (event: KeyboardEvent) => void>;

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** `shift+1` for a digit with Shift (whatever it types on this keyboard), else the key as it types. */
export function nameOf(event: Pick<KeyboardEvent, "key" | "code" | "shiftKey">): string {
  const digit = /^Digit(\d)$/.exec(event.code)?.[1];
  if (digit && event.shiftKey) return `shift+${digit}`;
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || isTyping(event.target)) return;
      // A dialog that is open has the keyboard for itself; `?` and Escape are handled by it.
      if (document.querySelector("dialog[open]") && event.key !== "?") return;
      const act = latest.current[nameOf(event)] ?? latest.current[event.key];
      if (!act) return;
      event.preventDefault();
      act(event);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}
