// The first dashboard: totals, a chart, top lists and a live feed pushed by Server-Sent Events.
// Everything a stranger controls is written with textContent, never as markup.

const FEED_ROWS = 25;
const REFRESH_MS = 5000;
// Each card: the dimension, its title, and what it counts and is ranked by.
const CARDS = [
  ["page", "Top pages", "views"],
  ["referrer", "Top referrers", "views"],
  ["group", "Where visits come from", "views"],
  ["browser", "Browsers", "views"],
  ["os", "Operating systems", "views"],
  ["device", "Devices", "views"],
  ["country", "Countries", "views"],
  ["campaign", "Campaigns", "views"],
  ["event", "Events", "events"],
  ["class", "Who visits", "events"],
];

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat();
const element = (name, text, attributes = {}) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

function query(extra = {}) {
  const to = Date.now();
  const parameters = new URLSearchParams({ from: to - Number($("range").value) * 1000, to, ...extra });
  if ($("site").value) parameters.set("site", $("site").value);
  if (!$("machines").checked) parameters.set("class", "human");
  return parameters;
}

async function get(path, parameters) {
  const answer = await fetch(`/api/v1/${path}?${parameters ?? ""}`);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error ?? `the server answered ${answer.status}`);
  return body;
}

function bucketSeconds() {
  const range = Number($("range").value);
  return range <= 1800 ? 60 : range <= 86400 ? 900 : 3600 * 3;
}

// The server counts by minutes, hours or days; bars are some of them together.
function units() {
  return { unit: bucketSeconds() < 3600 ? "minute" : "hour", zone: Intl.DateTimeFormat().resolvedOptions().timeZone };
}

function bars(points) {
  const width = bucketSeconds() * 1000;
  const shift = new Date().getTimezoneOffset() * 60000;
  const made = new Map();
  for (const point of points) {
    const start = Math.floor((point.start_ms - shift) / width) * width + shift;
    made.set(start, (made.get(start) ?? 0) + point.views);
  }
  return [...made].map(([start_ms, views]) => ({ start_ms, views }));
}

// Where the pipeline stands is shown even when the numbers cannot be: with the live view off, there are none.
async function refresh() {
  const problems = [];
  const attempt = (work) => work.catch((error) => problems.push(error.message));
  await Promise.all([attempt(refreshNumbers()), attempt(get("pipeline").then(showPipeline))]);
  $("problem").textContent = `Not everything could be read: ${[...new Set(problems)].join("; ")}. Trying again.`;
  $("problem").hidden = problems.length === 0;
}

async function refreshNumbers() {
  const lists = CARDS.map(([dimension, , order]) => get("top", query({ dimension, order, limit: 8 })));
  const [overview, series, sites, ...tops] = await Promise.all([
    get("overview", query()), get("series", query(units())), get("sites"), ...lists,
  ]);
  showOverview(overview);
  showChart(series);
  showSites(sites);
  CARDS.forEach(([dimension, title, order], i) => showTop(dimension, title, order, tops[i].rows));
}

function showOverview(overview) {
  $("views").textContent = number.format(overview.views);
  $("visitors").textContent = number.format(overview.visitors);
  $("events").textContent = number.format(overview.events);
  $("now").firstElementChild.textContent = number.format(overview.now);
  const human = overview.classes.filter((row) => row.class === "human").reduce((sum, row) => sum + row.events, 0);
  const all = overview.classes.reduce((sum, row) => sum + row.events, 0);
  $("machine-share").textContent = all ? `${Math.round(100 * (1 - human / all))} %` : "0 %";
}

function showChart(series) {
  const svg = $("chart");
  const bucket = bucketSeconds();
  const points = bars(series.points);
  const width = svg.clientWidth || 900;
  const height = 190;
  const most = Math.max(1, ...points.map((point) => point.views));
  const step = width / Math.max(1, points.length);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const add = (name, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    svg.append(made);
    return made;
  };
  add("line", { x1: 0, x2: width, y1: height - 20, y2: height - 20 });
  add("text", { x: 2, y: 11 }, number.format(most));
  const label = new Intl.DateTimeFormat(undefined, bucket >= 3600
    ? { weekday: "short", hour: "2-digit", minute: "2-digit" } : { hour: "2-digit", minute: "2-digit" });
  const every = Math.ceil(points.length / 8);
  points.forEach((point, i) => {
    const tall = (point.views / most) * (height - 40);
    const bar = add("rect", { x: i * step + step * 0.1, y: height - 20 - tall, width: step * 0.8, height: tall, rx: 1 });
    if (i === points.length - 1) bar.classList.add("open");
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = `${label.format(point.start_ms)}: ${number.format(point.views)}`;
    bar.append(title);
    if (i % every === 0 && i + every / 2 < points.length) add("text", { x: i * step, y: height - 5 }, label.format(point.start_ms));
  });
  $("chart-note").textContent = `One bar is ${bucket < 3600 ? `${bucket / 60} min` : `${bucket / 3600} h`}; the last one is still filling.`;
}

function showTop(dimension, title, order, ranked) {
  let card = document.querySelector(`[data-dimension="${dimension}"]`);
  if (!card) {
    card = element("article", undefined, { "data-dimension": dimension });
    $("cards").append(card);
  }
  const rows = ranked.filter((row) => row[order] > 0 && row.value !== "");
  const list = element("ol");
  const most = Math.max(1, ...rows.map((row) => row[order]));
  for (const row of rows) {
    const item = element("li");
    const share = Math.round((100 * row[order]) / most);
    item.style.background = `linear-gradient(to right, color-mix(in srgb, var(--bar) 22%, transparent) ${share}%, transparent 0)`;
    item.append(element("span", row.value, { title: row.value }), element("b", number.format(row[order])));
    list.append(item);
  }
  card.hidden = rows.length === 0;
  card.replaceChildren(element("h2", title), list);
}

function showSites(sites) {
  const chosen = $("site").value;
  const options = sites.map((row) => element("option", row.site, { value: row.site }));
  $("site").replaceChildren(element("option", "All sites", { value: "" }), ...options);
  $("site").value = sites.some((row) => row.site === chosen) ? chosen : "";
}

function showPipeline(pipeline) {
  const origin = pipeline.pixel_port ? `${location.protocol}//${location.hostname}:${pipeline.pixel_port}` : location.origin;
  $("snippet").textContent = `<img src="${origin}${pipeline.pixel_path}?site=my-site" alt="" width="1" height="1" referrerpolicy="no-referrer-when-downgrade">`;
  const parts = pipeline.consumers.map((one) =>
    `${one.name}: ${number.format(one.committed)} done, ${number.format(one.lag)} to go` + (one.error ? ` (${one.error})` : ""));
  $("pipeline").textContent = `${number.format(pipeline.durable)} events are durable. ${parts.join(". ")}.`;
  $("pipeline").classList.toggle("bad", pipeline.status !== "ready" || pipeline.consumers.some((one) => one.error));
}

function row(event) {
  const made = element("tr", undefined, { "data-id": event.id });
  const where = event.page_url ?? "";
  const cells = [
    new Date(event.received_at).toLocaleTimeString(), event.event, event.site,
    event.page_host || event.page_path ? `${event.page_host ?? ""}${event.page_path ?? ""}` : where,
    event.referrer_host ?? event.referrer_group ?? "", event.browser ?? "", event.class,
  ];
  for (const text of cells) made.append(element("td", text, { title: text }));
  return made;
}

function wanted(event) {
  return (!$("site").value || event.site === $("site").value) && ($("machines").checked || event.class === "human");
}

function show(event, isNew) {
  if (!wanted(event) || document.querySelector(`tr[data-id="${CSS.escape(event.id)}"]`)) return;
  const made = row(event);
  if (isNew) made.classList.add("new");
  $("feed").prepend(made);
  while ($("feed").childElementCount > FEED_ROWS) $("feed").lastElementChild.remove();
  $("empty").hidden = true;
}

async function fillFeed() {
  try {
    const events = await get("recent", query({ limit: FEED_ROWS }));
    $("feed").replaceChildren();
    for (const { event } of events.reverse()) show(event, false);
    $("empty").hidden = events.length > 0;
  } catch (error) {
    $("feed-state").textContent = `live from now on; earlier events could not be read: ${error.message}`;
  }
}

function follow() {
  const source = new EventSource("/api/v1/live");
  source.addEventListener("open", () => { $("feed-state").textContent = "live"; fillFeed(); });
  source.addEventListener("error", () => { $("feed-state").textContent = "connection lost, reconnecting"; });
  source.addEventListener("hit", (message) => show(JSON.parse(message.data), true));
  source.addEventListener("skipped", (message) => {
    $("feed-state").textContent = `live, too fast to show all: ${number.format(Number(message.data))} left out just now`;
  });
}

for (const id of ["site", "range", "machines"]) {
  $(id).addEventListener("change", () => { refresh(); fillFeed(); });
}
refresh();
follow();
setInterval(refresh, REFRESH_MS);
