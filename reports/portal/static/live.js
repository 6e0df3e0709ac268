// Shows each picture that the server sends; and, less often, longer times, anomalies and sources.
"use strict";
const NAMES = ["positive", "neutral", "negative", "unknown"];
const WIDTH = 600;
const HEIGHT = 160;
const SVG = "http://www.w3.org/2000/svg";
const QUIET_SECONDS = 30; // the processor notes its figures each second
const AROUND_SECONDS = 10;
const SIGNAL = { width: 320, height: 64, edge: 4 };
const MS = { minute: 60e3, hour: 3600e3, day: 86400e3 };
const SPANS = {
  hour: { by: "minute", steps: 60, title: "Texts a minute, last hour" },
  day: { by: "hour", steps: 24, title: "Texts an hour, last day" },
  month: { by: "day", steps: 30, title: "Texts a day, last thirty days" },
  year: { by: "day", steps: 365, title: "Texts a day, last year" },
};

const place = (id) => document.getElementById(id);
const counted = (number) => number.toLocaleString("en");
let span = "hour";

function made(kind, attributes, text) {
  const found = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) found.setAttribute(name, value);
  if (text !== undefined) found.textContent = text;
  return found;
}

function element(kind, text, classes) {
  const found = document.createElement(kind);
  if (text !== undefined) found.textContent = text;
  if (classes) found.className = classes;
  return found;
}

function seconds(value) {
  if (value === null) return "–";
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
}

function ago(at, now) {
  const passed = Math.max(0, now - at);
  if (passed < 60) return `${Math.round(passed)} s ago`;
  if (passed < 3600) return `${Math.round(passed / 60)} min ago`;
  if (passed < 172800) return `${Math.round(passed / 3600)} h ago`;
  return `${Math.round(passed / 86400)} days ago`;
}

function moment(at) {
  const options = { hour: "2-digit", minute: "2-digit" };
  return new Date(at * 1000).toLocaleTimeString([], options);
}

function day(at) {
  return new Date(at * 1000).toLocaleDateString([], { day: "numeric", month: "short", timeZone: "UTC" });
}

function draw(rows, by) {
  const chart = place("minutes");
  const highest = Math.max(1, ...rows.map((row) => row[1] + row[2] + row[3] + row[4]));
  const width = WIDTH / rows.length;
  const gap = width < 4 ? 0 : 1; // thin bars would shimmer
  const said = by === "day" ? day : moment;
  const bars = [];
  rows.forEach(([at, ...counts], column) => {
    let top = HEIGHT;
    counts.forEach((count, which) => {
      if (!count) return;
      const height = (HEIGHT * count) / highest;
      top -= height;
      const x = column * width + gap / 2;
      const bar = made("rect", { x, y: top, width: width - gap, height, class: NAMES[which] });
      bar.append(made("title", {}, `${said(at)}: ${counted(count)} ${NAMES[which]}`));
      bars.push(bar);
    });
  });
  chart.replaceChildren(...bars);
  place("from").textContent = rows.length ? said(rows[0][0]) : "";
  place("to").textContent = rows.length ? said(rows.at(-1)[0]) : "";
  place("highest").textContent = `highest: ${counted(highest)}`;
}

function list(languages) {
  const rows = languages.map(([name, ...counts]) => {
    const row = element("tr");
    const head = element("th", name);
    head.scope = "row";
    row.append(head, ...counts.map((count) => element("td", counted(count), "number")));
    return row;
  });
  place("languages").replaceChildren(...rows);
}

function show(picture) {
  if (picture.trouble) {
    place("state").textContent = picture.trouble;
    return;
  }
  place("rate").textContent = picture.rate.toFixed(1);
  place("p95").textContent = seconds(picture.p95);
  for (const name of ["texts", "lag", "dead_letters"]) place(name).textContent = counted(picture[name]);
  place("functions").textContent = picture.functions || "none has run yet";
  place("untrained").hidden = !picture.texts || picture.languages.some((row) => row[1] + row[2] + row[3]);
  if (span === "hour") draw(picture.minutes, "minute");
  list(picture.languages);
}

function told(picture) {
  const runs = picture.seen_at !== null && picture.at - picture.seen_at < QUIET_SECONDS;
  if (!picture.trouble) place("state").textContent = runs ? "Live." : "The processor does not run.";
}

// Longer times come from the metrics API; the browser sends the ETag of what it has.
async function showLonger() {
  const { by, steps } = SPANS[span];
  const chosen = span;
  const step = MS[by];
  const end = (Math.floor(Date.now() / step) + 1) * step;
  const since = new Date(end - steps * step).toISOString();
  const answer = await fetch(`/api/metrics/sentiment?by=${by}&since=${since}`);
  if (!answer.ok || chosen !== span) return;
  const rows = new Map();
  for (let at = end - steps * step; at < end; at += step) rows.set(at, [at / 1000, 0, 0, 0, 0]);
  for (const row of (await answer.json()).rows) {
    const known = rows.get(Date.parse(row.at));
    if (known) known[1 + NAMES.indexOf(row.name)] += row.texts;
  }
  if (chosen === span) draw([...rows.values()], by);
}

function signal(points) {
  const { width, height, edge } = SIGNAL;
  const values = points.map((point) => point[1]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [first, last] = [points[0][0], points.at(-1)[0]];
  const x = (at) => edge + ((width - 2 * edge) * (at - first)) / (last - first || 1);
  const y = (value) => height - edge - ((height - 2 * edge) * (value - low)) / (high - low || 1);
  const said = `from ${low.toPrecision(4)} to ${high.toPrecision(4)}`;
  const chart = made("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": said });
  const line = points.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  chart.append(made("polyline", { points: line }));
  for (const [at, value, strange] of points) {
    if (!strange) continue;
    const dot = made("circle", { cx: x(at), cy: y(value), r: 2.5 });
    dot.append(made("title", {}, `${moment(at)}: ${value.toPrecision(4)}`));
    chart.append(dot);
  }
  return chart;
}

function incident(one, now) {
  const card = element("li");
  const head = element("p");
  const name = one.series === one.stream ? one.stream : `${one.stream}, ${one.series}`;
  head.append(element("strong", name), " ");
  head.append(one.open ? element("span", "open", "flag") : element("span", "over", "meta"));
  const strength = one.ratio === null ? "" : `, ${one.ratio.toFixed(1)} times its threshold`;
  const facts = `${one.signal} ${one.value.toPrecision(4)}${strength}; began ${ago(one.opened_at, now)}`;
  card.append(head);
  if (one.points.length > 1) card.append(signal(one.points));
  card.append(element("p", facts, "meta"));
  return card;
}

function showAround(found) {
  const known = found.incidents;
  place("incidents").replaceChildren(...(known || []).map((one) => incident(one, found.at)));
  place("calm").textContent = known === null ? "Anomalies cannot be read just now." : "Nothing strange was seen.";
  place("calm").hidden = known !== null && known.length > 0;
  const rows = (found.sources || []).map((one) => {
    const row = element("tr");
    const head = element("th", one.source);
    head.scope = "row";
    const health = element("td");
    health.append(element("span", one.health, one.ill ? "flag" : ""));
    row.append(head, health, element("td", one.row_at === null ? "–" : ago(one.row_at, found.at), "number"));
    return row;
  });
  place("sources").replaceChildren(...rows);
  place("sources-table").hidden = rows.length === 0;
  const none = found.sources === null ? "Sources cannot be read just now." : "No source is set up.";
  place("no-sources").textContent = found.more_sources ? `and ${found.more_sources} more` : none;
  place("no-sources").hidden = rows.length > 0 && !found.more_sources;
}

async function lookAround() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/live/around");
    if (answer.ok && !answer.redirected) showAround(await answer.json());
    if (span !== "hour") await showLonger();
  } catch {
    // The next look may work; the stream says when the server is away.
  }
}

show(JSON.parse(place("picture").textContent));
for (const choice of document.querySelectorAll('input[name="span"]')) {
  choice.addEventListener("change", () => {
    span = choice.value;
    place("title").textContent = SPANS[span].title;
    if (span === "hour") show(JSON.parse(place("picture").textContent));
    else showLonger().catch(() => {});
  });
}
const stream = new EventSource("/live/events");
stream.onmessage = (event) => {
  const picture = JSON.parse(event.data);
  if (!picture.trouble) place("picture").textContent = event.data;
  show(picture);
  told(picture);
};
stream.onerror = () => {
  place("state").textContent = "Connecting…";
};
lookAround();
setInterval(lookAround, AROUND_SECONDS * 1000);
document.addEventListener("visibilitychange", lookAround);
