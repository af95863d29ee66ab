// Who may look: the password, tokens for programs, public links, and the way out.
import { useState } from "preact/hooks";
import * as format from "../state/format";
import { type Trouble, ask, asTrouble } from "../state/api";
import { useAnswer, useShared } from "../state/context";
import { Code, Stranger } from "../parts/bits";
import { TroubleBox } from "../parts/trouble";
import { plain } from "../state/stranger";
import { t } from "../text";
import type { Link, Site, Token } from "../types";

const words = t.access;
const PASSWORD_MIN = 12;

export default function AccessPage() {
  const { session, signedOut, refreshSession } = useShared();
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const signOut = () => {
    ask("session", { method: "DELETE" }).then(() => {
      signedOut();
      refreshSession();
    }, (error: unknown) => setTrouble(asTrouble(error)));
  };
  return (
    <main id="content" class="page narrow">
      <div class="scope"><h1>{words.title}</h1><span class="space" /><button type="button" onClick={signOut}>{words.signOut}</button></div>
      {trouble && <TroubleBox trouble={trouble} />}
      {session.scope === "admin" ? <><Password /><Tokens /><Links /></> : <p class="panel plain-panel">{words.readOnly}</p>}
    </main>
  );
}

/** Runs a change and keeps what went wrong with it. */
function useChange(): [Trouble | null, (act: () => Promise<unknown>) => Promise<boolean>] {
  const { signedOut } = useShared();
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const run = async (act: () => Promise<unknown>) => {
    try {
      await act();
      setTrouble(null);
      return true;
    } catch (error) {
      const found = asTrouble(error);
      if (found?.kind === "signed_out") signedOut();
      setTrouble(found);
      return false;
    }
  };
  return [trouble, run];
}

function Password() {
  const { session, refreshSession } = useShared();
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [said, setSaid] = useState("");
  const [trouble, run] = useChange();
  const submit = async (event: Event) => {
    event.preventDefault();
    if ([...password].length < PASSWORD_MIN) return setSaid(words.short);
    if (password !== again) return setSaid(words.differ);
    setSaid("");
    if (!(await run(() => ask("password", { method: "PUT", body: { password } })))) return;
    setPassword("");
    setAgain("");
    setSaid(words.setDone);
    refreshSession();
  };
  return (
    <section class="panel plain-panel" id="password">
      <h2>{words.password}</h2>
      {!session.password_set && <p class="warning" role="status">{t.choosePassword}</p>}
      <form class="fields three" onSubmit={(event) => void submit(event)}>
        <label>{words.newPassword}<input type="password" autoComplete="new-password" value={password} onInput={(event) => setPassword(event.currentTarget.value)} required /><small>{words.short}</small></label>
        <label>{words.again}<input type="password" autoComplete="new-password" value={again} onInput={(event) => setAgain(event.currentTarget.value)} required /></label>
        <button type="submit" class="primary">{words.set}</button>
      </form>
      <p role="status">{said}</p>
      {trouble && <TroubleBox trouble={trouble} />}
    </section>
  );
}

function Tokens() {
  const [version, setVersion] = useState(0);
  const [name, setName] = useState("");
  const [scope, setScope] = useState<Token["scope"]>("read");
  const [fresh, setFresh] = useState<Token | null>(null);
  const { data, trouble } = useAnswer<Token[]>("tokens", () => "tokens", version);
  const [failed, run] = useChange();
  const changed = () => setVersion((n) => n + 1);
  const create = async (event: Event) => {
    event.preventDefault();
    const done = await run(async () => setFresh(await ask<Token>("tokens", { method: "POST", body: { name: name.trim(), scope } })));
    if (!done) return;
    setName("");
    changed();
  };
  const revoke = async (token: Token) => {
    if (!confirm(words.revokeAsk(plain(token.name)))) return;
    await run(() => ask(`tokens/${encodeURIComponent(token.id)}`, { method: "DELETE" }));
    if (fresh?.id === token.id) setFresh(null);
    changed();
  };
  return (
    <section class="panel plain-panel" id="tokens">
      <h2>{words.tokens}</h2>
      <p class="quiet">{words.tokensHint}</p>
      <form class="fields three" onSubmit={(event) => void create(event)}>
        <label>{words.name}<input value={name} required maxLength={100} onInput={(event) => setName(event.currentTarget.value)} /></label>
        <label>{words.scope}
          <select value={scope} onChange={(event) => setScope(event.currentTarget.value as Token["scope"])}><option value="read">{words.read}</option><option value="admin">{words.admin}</option></select>
        </label>
        <button type="submit" class="primary">{words.create}</button>
      </form>
      {fresh?.token && <div class="fresh" role="status"><p>{words.once}</p><Code text={fresh.token} label={words.tokens} /></div>}
      {(failed ?? trouble) && <TroubleBox trouble={(failed ?? trouble) as Trouble} />}
      {data?.length === 0 && <p class="nothing">{words.noTokens}</p>}
      {data && data.length > 0 && (
        <table>
          <thead><tr><th scope="col">{words.name}</th><th scope="col" class="text">{words.scope}</th><th scope="col" class="text">{words.created}</th><th scope="col" class="text">{words.used}</th><td /></tr></thead>
          <tbody>{data.map((token) => (
            <tr key={token.id}>
              <th scope="row"><Stranger text={token.name} /></th><td class="text">{token.scope}</td><td class="text">{format.full(token.created_ms)}</td>
              <td class="text">{token.last_used_ms === null ? words.never : format.full(token.last_used_ms)}</td>
              <td><button type="button" class="small" onClick={() => void revoke(token)}>{words.revoke}</button></td>
            </tr>
          ))}</tbody>
        </table>
      )}
    </section>
  );
}

function Links() {
  const { view } = useShared();
  const [version, setVersion] = useState(0);
  const [site, setSite] = useState(view.site);
  const sites = useAnswer<Site[]>("sites", () => "sites");
  const { data, trouble } = useAnswer<Link[]>("links", () => "links", version);
  const [failed, run] = useChange();
  const create = async (event: Event) => {
    event.preventDefault();
    if (await run(() => ask("links", { method: "POST", body: { site: site.trim() } }))) setVersion((n) => n + 1);
  };
  const revoke = async (link: Link) => {
    if (!confirm(words.revokeAsk(plain(link.site)))) return;
    await run(() => ask(`links/${encodeURIComponent(link.id)}`, { method: "DELETE" }));
    setVersion((n) => n + 1);
  };
  return (
    <section class="panel plain-panel" id="links">
      <h2>{words.links}</h2>
      <p class="quiet">{words.linksHint}</p>
      <form class="fields three" onSubmit={(event) => void create(event)}>
        <label>{t.site}<input value={site} required maxLength={255} list="sites" onInput={(event) => setSite(event.currentTarget.value)} /></label>
        <datalist id="sites">{sites.data?.slice(0, 100).map((one) => <option key={one.site} value={one.site} />)}</datalist>
        <button type="submit" class="primary">{words.create}</button>
      </form>
      {(failed ?? trouble) && <TroubleBox trouble={(failed ?? trouble) as Trouble} />}
      {data?.length === 0 && <p class="nothing">{words.noLinks}</p>}
      {data && data.length > 0 && <ul class="links">{data.map((link) => (
        <li key={link.id}>
          <p><strong><Stranger text={link.site} /></strong> <span class="quiet">{format.full(link.created_ms)}</span> <span class="space" /><button type="button" class="small" onClick={() => void revoke(link)}>{words.revoke}</button></p>
          <Code text={`${location.origin}/?link=${encodeURIComponent(link.key)}`} label={words.link} />
        </li>
      ))}</ul>}
    </section>
  );
}
