// What the mock says about its pipeline and its set-up.
import { atOf } from "./questions.mjs";

export function pipeline(mock) {
  const total = mock.events.length;
  const archived = Math.max(0, total - (total % 500));
  const last = mock.events.at(-1);
  const seconds = Math.max(1, (Date.now() - mock.started) / 1000);
  const objects = Array.from({ length: Math.min(10, Math.floor(archived / 500)) }, (_, index) => {
    const end = archived - index * 500;
    const at = atOf(mock.events[end - 1]);
    const [day, hour] = new Date(at).toISOString().split("T");
    const [year, month, date] = day.split("-");
    return { name: `events/year=${year}/month=${month}/day=${date}/hour=${hour.slice(0, 2)}/${day.replaceAll("-", "")}T${hour.replace(/[:.Z]/g, "").slice(0, 9)}Z-0-${end - 500}-${end - 1}.json.gz`, records: 500, bytes: 21_000 + ((end * 37) % 9000), ms: at + 60_000 };
  });
  return {
    status: "ready", accepted: total, durable: total, oldest: 0, stored_bytes: total * 620, free_bytes: 81_604_378_624, watermark_bytes: 1 << 30, retention_s: 86_400,
    oldest_ms: total ? atOf(mock.events[0]) : null, rejected: [...mock.rejected].map(([reason, count]) => ({ reason, count })),
    rate_per_s: mock.requests.filter((one) => one.at_ms > Date.now() - 60_000).length / Math.min(60, seconds),
    consumers: [
      { name: "archive", committed: archived, lag: total - archived, lag_ms: total > archived ? Date.now() - atOf(mock.events[archived]) : 0, rate_per_s: 1.4, dead_lettered: 0, skipped: 0, error: null },
      { name: "live", committed: total, lag: 0, lag_ms: 0, rate_per_s: 1.5, dead_lettered: 0, skipped: 0, error: null },
    ],
    oldest_unarchived_ms: total > archived ? atOf(mock.events[archived]) : last ? null : null,
    balanced: true, balance: { acknowledged: total, archived, pending: total - archived, dead_lettered: 0 }, objects,
  };
}

export function setup(mock, request) {
  return {
    pixel_url: `http://${request.headers.host}/p.gif`, events_url: `http://${request.headers.host}/e`, script_url: `http://${request.headers.host}/p.js`,
    pixel_path: "/p.gif", events_path: "/e", script_path: "/p.js", origin: `http://${request.headers.host}`,
    address: { seen: "127.0.0.1", peer: "127.0.0.1", header: request.headers["x-forwarded-for"] ? "x-forwarded-for" : null, trusted: false },
    first_hit_ms: mock.events.length ? atOf(mock.events[0]) : null, hits: mock.events.length, shared_address: null,
  };
}
