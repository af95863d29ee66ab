// Where every event is: taken, durable, archived, in the live view, or refused and why.
import * as format from "../state/format";
import { useAnswer, useTicker } from "../state/context";
import { Stranger } from "../parts/bits";
import { TroubleBox } from "../parts/trouble";
import { t } from "../text";
import type { Consumer, Pipeline } from "../types";

const EVERY_MS = 3000;
const words = t.pipeline;

export default function PipelinePage() {
  const tick = useTicker(EVERY_MS);
  const { data, trouble } = useAnswer<Pipeline>("pipeline", () => "pipeline", tick);
  return (
    <main id="content" class="page narrow">
      <h1>{words.title}</h1>
      {trouble && <TroubleBox trouble={trouble} />}
      {data && <Content pipeline={data} />}
    </main>
  );
}

function Content({ pipeline }: { pipeline: Pipeline }) {
  const { balance } = pipeline;
  const isReady = pipeline.status === "ready";
  const live = pipeline.consumers.find((one) => one.name === "live");
  const figures: [string, string][] = [
    [words.accepted, format.count(pipeline.accepted)], [words.durable, format.count(pipeline.durable)], [words.archived, format.count(balance.archived)],
    [words.live, live ? format.count(live.committed) : "–"], [words.pending, format.count(balance.pending)], [words.deadLettered, format.count(balance.dead_lettered)], [words.rate, words.perSecond(pipeline.rate_per_s)],
  ];
  return (
    <>
      <div class="verdicts">
        <section class={`verdict ${pipeline.balanced ? "good" : "bad"}`} id="balance" data-balanced={pipeline.balanced}>
          <h2>{pipeline.balanced ? words.balanced : words.unbalanced}</h2>
          <p class="numbers">{format.count(balance.acknowledged)} = {format.count(balance.archived)} + {format.count(balance.pending)} + {format.count(balance.dead_lettered)}</p>
          <p class="quiet">{words.equation}{pipeline.balanced ? "" : `. ${words.unbalancedHint}`}</p>
        </section>
        <section class={`verdict ${isReady ? "good" : "bad"}`}>
          <h2>{isReady ? words.ready : words.notReady}</h2>
          <p class="numbers">{isReady ? words.perSecond(pipeline.rate_per_s) : <Stranger text={pipeline.status} />}</p>
          <p class="quiet">{words.oldestUnarchived}: {pipeline.oldest_unarchived_ms === null ? words.nothingWaits : format.duration(Date.now() - pipeline.oldest_unarchived_ms)}</p>
        </section>
      </div>
      <dl class="figures-list">{figures.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      <Consumers consumers={pipeline.consumers} />
      <div class="pair">
        <Disk pipeline={pipeline} />
        <Rejected rejected={pipeline.rejected} />
      </div>
      <Objects objects={pipeline.objects} />
    </>
  );
}

function Consumers({ consumers }: { consumers: Consumer[] }) {
  const heads = [words.committed, words.lag, words.behind, words.rate, words.deadLettered, words.skipped];
  return (
    <section class="panel plain-panel">
      <h2>{words.consumers}</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label={words.consumers}>
        <table>
          <thead><tr><th scope="col">{words.consumer}</th>{heads.map((head) => <th key={head} scope="col">{head}</th>)}<th scope="col" class="text">{words.error}</th></tr></thead>
          <tbody>
            {consumers.map((one) => (
              <tr key={one.name} data-consumer={one.name}>
                <th scope="row">{one.name}</th>
                <td>{format.count(one.committed)}</td><td>{format.count(one.lag)}</td><td>{one.lag ? format.duration(one.lag_ms) : "–"}</td>
                <td>{words.perSecond(one.rate_per_s)}</td><td>{format.count(one.dead_lettered)}</td><td>{format.count(one.skipped)}</td>
                <td class="text">{one.error ? <span class="wrong"><Stranger text={one.error} /></span> : <span class="fine">{words.fine}</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Disk({ pipeline }: { pipeline: Pipeline }) {
  const lines: [string, string][] = [
    [words.stored, format.bytes(pipeline.stored_bytes)], [words.free, format.bytes(pipeline.free_bytes)], [words.watermark, format.bytes(pipeline.watermark_bytes)],
    [words.retention, format.duration(pipeline.retention_s * 1000)], [words.oldest, pipeline.oldest_ms === null ? "–" : format.full(pipeline.oldest_ms)],
  ];
  const used = pipeline.stored_bytes + pipeline.free_bytes;
  return (
    <section class="panel plain-panel">
      <h2>{words.disk}</h2>
      <meter min={0} max={used} value={pipeline.free_bytes} low={Math.min(used, pipeline.watermark_bytes * 2)} optimum={used} aria-label={words.free} />
      <dl class="lines">{lines.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
    </section>
  );
}

function Rejected({ rejected }: { rejected: Pipeline["rejected"] }) {
  const some = rejected.filter((one) => one.count > 0);
  return (
    <section class="panel plain-panel">
      <h2>{words.rejected}</h2>
      {some.length === 0 ? <p class="nothing">{words.noneRejected}</p>
        : <dl class="lines">{some.map((one) => <div key={one.reason}><dt><Stranger text={one.reason} /></dt><dd>{format.count(one.count)}</dd></div>)}</dl>}
    </section>
  );
}

function Objects({ objects }: { objects: Pipeline["objects"] }) {
  return (
    <section class="panel plain-panel">
      <h2>{words.objects}</h2>
      {objects.length === 0 ? <p class="nothing">{words.noObjects}</p> : (
        <div class="scroll" tabIndex={0} role="region" aria-label={words.objects}>
          <table>
            <thead><tr><th scope="col">{words.object}</th><th scope="col">{words.records}</th><th scope="col">{words.size}</th><th scope="col">{words.written}</th></tr></thead>
            <tbody>{objects.map((one) => (
              <tr key={one.name}><th scope="row" class="long"><Stranger text={one.name} /></th><td>{format.count(one.records)}</td><td>{format.bytes(one.bytes)}</td><td>{format.full(one.ms)}</td></tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}
