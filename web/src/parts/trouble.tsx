// What went wrong and what to do about it. The server's own words are text like any other.
import type { Trouble } from "../state/api";
import { t } from "../text";

export function TroubleBox({ trouble, retry }: { trouble: Trouble; retry?: () => void }) {
  const [title, advice] = t.trouble[trouble.kind];
  return (
    <div class={`trouble ${trouble.kind}`} role="alert">
      <strong>{title}</strong>
      <p>{advice}</p>
      {trouble.message && <p class="said">{trouble.message}</p>}
      {trouble.retryAfter > 0 && <p>{t.trouble.wait(trouble.retryAfter)}</p>}
      {retry && <button type="button" class="small" onClick={retry}>{t.trouble.retry}</button>}
    </div>
  );
}
