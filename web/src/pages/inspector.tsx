// "Why is my hit not there?": the last requests as they came, beside what became of them.
import { useState } from "preact/hooks";
import * as format from "../state/format";
import { useAnswer, useTicker } from "../state/context";
import { Stranger } from "../parts/bits";
import { Fields } from "../parts/hit";
import { TroubleBox } from "../parts/trouble";
import { plain } from "../state/stranger";
import { t } from "../text";
import type { Hit, SeenRequest } from "../types";

const EVERY_MS = 2000;
const LIMIT = 200;
const words = t.inspector;

const identity = (one: SeenRequest): string => `${one.at_ms} ${one.event_id ?? ""} ${one.offset ?? ""} ${one.path}?${one.query} ${one.address ?? ""}`;

export default function InspectorPage() {
  const asked = new URLSearchParams(location.search);
  const [id, setId] = useState(asked.get("id") ?? "");
  const [address, setAddress] = useState("");
  const [find, setFind] = useState({ id, address });
  const [rejected, setRejected] = useState(false);
  const [follow, setFollow] = useState(true);
  const [open, setOpen] = useState<SeenRequest | null>(null);
  const tick = useTicker(EVERY_MS, follow && open === null);
  const query = new URLSearchParams({ limit: String(LIMIT), ...(find.id && { id: find.id }), ...(find.address && { address: find.address }) });
  const path = `requests?${query}`;
  const { data, trouble } = useAnswer<SeenRequest[]>(path, () => path, tick);
  const submit = (event: Event) => {
    event.preventDefault();
    setFind({ id: id.trim(), address: address.trim() });
  };
  const clear = () => {
    setId("");
    setAddress("");
    setFind({ id: "", address: "" });
  };
  const shown = data?.filter((one) => !rejected || one.status >= 400) ?? [];
  const chosen = open && identity(open);
  return (
    <main id="content" class="page">
      <h1>{words.title}</h1>
      <p class="quiet">{words.hint}</p>
      <form class="finder" onSubmit={submit} role="search">
        <label>{words.id}<input type="search" value={id} maxLength={64} onInput={(event) => setId(event.currentTarget.value)} /></label>
        <label>{words.address}<input type="search" value={address} maxLength={64} onInput={(event) => setAddress(event.currentTarget.value)} /></label>
        <button type="submit" class="primary">{words.search}</button>
        <button type="button" onClick={clear}>{words.clear}</button>
        <label class="check"><input type="checkbox" checked={rejected} onChange={(event) => setRejected(event.currentTarget.checked)} />{words.only}</label>
        <label class="check"><input type="checkbox" checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} />{words.follow}</label>
      </form>
      {trouble && <TroubleBox trouble={trouble} />}
      {data && shown.length === 0 && <p class="nothing">{find.id || find.address ? words.notFound : words.empty}</p>}
      {shown.length > 0 && (
        <div class="scroll panel" tabIndex={0} role="region" aria-label={words.title}>
          <table class="requests">
            <thead><tr>{[words.at, words.status, words.verdict, words.request, words.address].map((head) => <th key={head} scope="col" class="text">{head}</th>)}</tr></thead>
            <tbody>{shown.flatMap((one) => {
              const isOpen = identity(one) === chosen;
              const row = <RequestRow key={identity(one)} request={one} isOpen={isOpen} toggle={() => setOpen(isOpen ? null : one)} />;
              return isOpen ? [row, <tr key="details" class="details"><td colSpan={5}><Details request={one} /></td></tr>] : [row];
            })}</tbody>
          </table>
        </div>
      )}
    </main>
  );
}

function RequestRow({ request, isOpen, toggle }: { request: SeenRequest; isOpen: boolean; toggle: () => void }) {
  return (
    <tr data-status={request.status}>
      <td class="text"><button type="button" class="plain" aria-expanded={isOpen} onClick={toggle}>{isOpen ? "▾" : "▸"} {format.clock(request.at_ms)}</button></td>
      <td class="text"><span class={request.status < 400 ? "fine" : "wrong"}>{request.status}</span></td>
      <td class="text">{request.reason ? <Stranger text={request.detail ?? request.reason} /> : <>{words.stored}{request.class && `, ${t.classes[request.class] ?? plain(request.class)}`}</>}</td>
      <td class="text long"><code><Stranger text={`${request.method} ${request.path}${request.query ? `?${request.query}` : ""}`} /></code></td>
      <td class="text">{request.address ? <Stranger text={request.address} /> : "–"}</td>
    </tr>
  );
}

/** A query string as it came, parameter by parameter; what cannot be decoded stays as it is. */
function parameters(query: string): [string, string][] {
  return query.split("&").filter(Boolean).map((part) => {
    const [name = "", ...rest] = part.split("=");
    return [decode(name), decode(rest.join("="))];
  });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replace(/\+/g, " "));
  } catch {
    return text;
  }
}

function Details({ request }: { request: SeenRequest }) {
  const isAsked = request.offset !== null && !request.event;
  const found = useAnswer<Hit>(isAsked ? `event/${request.offset}` : null, () => `event/${request.offset}`);
  const event = request.event ?? found.data?.event;
  const list = parameters(request.query);
  return (
    <div class="pair">
      <section>
        <h3>{words.raw}</h3>
        {list.length ? <dl class="fields-of">{list.map(([name, value], index) => [<dt key={index}><Stranger text={name} /></dt>, <dd><Stranger text={value} title={false} /></dd>])}</dl> : <p class="quiet">{words.noParameters}</p>}
        <h3>{words.headers}</h3>
        <dl class="fields-of">{Object.entries(request.headers).map(([name, value]) => [<dt key={name}><Stranger text={name} /></dt>, <dd><Stranger text={value} title={false} /></dd>])}</dl>
      </section>
      <section>
        <h3>{words.parsed}</h3>
        {request.reason && <p class="wrong">{words.notStored}: <Stranger text={request.detail ?? request.reason} /></p>}
        {event ? <Fields event={event} /> : found.trouble ? <TroubleBox trouble={found.trouble} /> : isAsked && <p class="quiet">{t.loading}</p>}
      </section>
    </div>
  );
}
