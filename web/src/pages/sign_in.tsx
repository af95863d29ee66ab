// Signing in with a password; a one-time link is taken by the app before this page is seen.
import { useState } from "preact/hooks";
import { type Trouble, ask, asTrouble } from "../state/api";
import { TroubleBox } from "../parts/trouble";
import { t } from "../text";
import type { Session } from "../types";

export function SignIn({ session, tokenTrouble, publicLink, signedIn }: { session: Session; tokenTrouble: Trouble | null; publicLink: boolean; signedIn: (found: Session) => void }) {
  const [password, setPassword] = useState("");
  const [trouble, setTrouble] = useState<Trouble | null>(tokenTrouble);
  const [fromLink, setFromLink] = useState(tokenTrouble !== null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setFromLink(false);
    try {
      signedIn(await ask<Session>("session", { method: "POST", body: { password } }));
    } catch (error) {
      setTrouble(asTrouble(error));
      setPassword("");
      setBusy(false);
    }
  };
  return (
    <main class="alone" id="content">
      <form class="sign-in" onSubmit={(event) => void submit(event)}>
        <svg viewBox="0 0 32 32" width="40" height="40" aria-hidden="true"><rect width="32" height="32" rx="8" /><path d="M8 16h4v8H8zM14 12h4v12h-4zM20 8h4v16h-4z" /></svg>
        <h1>{t.signIn.title}</h1>
        {publicLink && <p class="wrong" role="alert">{t.signIn.publicGone}</p>}
        {session.password_set ? (
          <>
            <label>{t.signIn.password}
              <input type="password" name="password" autoComplete="current-password" required value={password} autoFocus onInput={(event) => setPassword(event.currentTarget.value)} />
            </label>
            <button type="submit" class="primary" disabled={busy}>{t.signIn.act}</button>
          </>
        ) : <p>{t.signIn.noPassword}</p>}
        {trouble && <Failure trouble={trouble} fromLink={fromLink} />}
        {session.password_set && <p class="quiet">{t.signIn.hint}</p>}
      </form>
    </main>
  );
}

function Failure({ trouble, fromLink }: { trouble: Trouble; fromLink: boolean }) {
  if (trouble.kind === "limited") return <p class="wrong" role="alert">{t.signIn.limited(trouble.retryAfter || 60)}</p>;
  if (trouble.kind === "signed_out" || trouble.kind === "forbidden") return <p class="wrong" role="alert">{fromLink ? t.signIn.wrongToken : t.signIn.wrong}</p>;
  return <TroubleBox trouble={trouble} />;
}
