// Small parts that every page uses: strangers' text, dialogs, copying, tables' empty lines.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { pieces, plain, webAddress } from "../state/stranger";
import { t } from "../text";

/** Text that a stranger chose: isolated in its direction, with invisible characters named, the whole in the title. */
export function Stranger({ text, title, class: className }: { text: string; title?: boolean; class?: string }) {
  const parts = pieces(text);
  return (
    <bdi class={className ? `stranger ${className}` : "stranger"} title={title === false ? undefined : plain(text)}>
      {parts.map((piece) => (piece.hidden ? <span class="hidden-character">{piece.text}</span> : piece.text))}
    </bdi>
  );
}

/** A link to an address from a stranger, only if it is a web address; nothing otherwise. */
export function Outside({ address, label }: { address: unknown; label: string }) {
  const href = webAddress(address);
  if (!href) return null;
  return <a class="outside" href={href} target="_blank" rel="noopener noreferrer nofollow" aria-label={label} title={plain(href)}>↗</a>;
}

/** A modal dialog: the browser keeps the focus inside, and Escape or a click beside it closes it. */
export function Dialog({ title, close, children, wide }: { title: ComponentChildren; close: () => void; children: ComponentChildren; wide?: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  // A search field would take the first Escape to empty itself.
  const escape = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    close();
  };
  return (
    <dialog ref={dialog} onKeyDown={escape} class={wide ? "wide" : undefined} aria-labelledby="dialog-title" onClose={close}
      onClick={(event) => { if (event.target === dialog.current) close(); }}>
      <div class="dialog">
        <header>
          <h2 id="dialog-title">{title}</h2>
          <button type="button" class="icon" onClick={close} aria-label={t.close}>✕</button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

export function Copy({ text, label = t.copy }: { text: string; label?: string }) {
  const [state, setState] = useState<"" | "done" | "failed">("");
  useEffect(() => {
    if (!state) return;
    const timer = setTimeout(() => setState(""), 2000);
    return () => clearTimeout(timer);
  }, [state]);
  // Without a secure context there is no clipboard, and the text has to be marked by hand.
  const copy = () => navigator.clipboard ? navigator.clipboard.writeText(text).then(() => setState("done"), () => setState("failed")) : setState("failed");
  return (
    <button type="button" class="small" onClick={() => void copy()}>
      <span aria-live="polite">{state === "done" ? t.copied : state === "failed" ? t.copyFailed : label}</span>
    </button>
  );
}

export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div class="code">
      <pre tabIndex={0} aria-label={label}>{text}</pre>
      <Copy text={text} />
    </div>
  );
}

export function CsvLink({ query, label = t.csv }: { query: string; label?: string }) {
  return <a class="small" href={`/api/v1/${query}&format=csv`} download title={t.csvHint}>{label}</a>;
}

export function Tabs<T extends string>({ all, chosen, choose, label, name }: { all: readonly T[]; chosen: T; choose: (one: T) => void; label: string; name: (one: T) => string }) {
  const move = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = all[(all.indexOf(chosen) + step + all.length) % all.length];
    if (!step || !next) return;
    event.preventDefault();
    choose(next);
    const list = event.currentTarget as HTMLElement;
    requestAnimationFrame(() => list.querySelector<HTMLElement>('[aria-selected="true"]')?.focus());
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
      {all.map((one) => (
        <button key={one} type="button" role="tab" aria-selected={one === chosen} tabIndex={one === chosen ? 0 : -1} onClick={() => choose(one)}>{name(one)}</button>
      ))}
    </div>
  );
}

/** A few buttons of which one is chosen. */
export function Segments<T extends string>({ all, chosen, choose, label, name }: { all: readonly T[]; chosen: T; choose: (one: T) => void; label: string; name: (one: T) => string }) {
  return (
    <div class="segments" role="group" aria-label={label}>
      {all.map((one) => <button key={one} type="button" aria-pressed={one === chosen} onClick={() => choose(one)}>{name(one)}</button>)}
    </div>
  );
}
