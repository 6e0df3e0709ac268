// Shows each picture that the server sends.
"use strict";
const NAMES = ["positive", "neutral", "negative", "unknown"];
const WIDTH = 600;
const HEIGHT = 160;
const SVG = "http://www.w3.org/2000/svg";
const QUIET_SECONDS = 30; // the processor notes its figures each second

const place = (id) => document.getElementById(id);
const counted = (number) => number.toLocaleString("en");

function seconds(value) {
  if (value === null) return "–";
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
}

function draw(minutes) {
  const chart = place("minutes");
  const highest = Math.max(1, ...minutes.map((row) => row[1] + row[2] + row[3] + row[4]));
  const width = WIDTH / minutes.length;
  const bars = [];
  minutes.forEach(([at, ...counts], column) => {
    let top = HEIGHT;
    counts.forEach((count, which) => {
      if (!count) return;
      const bar = document.createElementNS(SVG, "rect");
      const height = (HEIGHT * count) / highest;
      top -= height;
      bar.setAttribute("x", column * width + 0.5);
      bar.setAttribute("y", top);
      bar.setAttribute("width", width - 1);
      bar.setAttribute("height", height);
      bar.setAttribute("class", NAMES[which]);
      const said = document.createElementNS(SVG, "title");
      const time = new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
      said.textContent = `${time}: ${count} ${NAMES[which]}`;
      bar.append(said);
      bars.push(bar);
    });
  });
  chart.replaceChildren(...bars);
}

function list(languages) {
  const rows = languages.map(([name, ...counts]) => {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    row.append(head);
    for (const count of counts) {
      const cell = document.createElement("td");
      cell.className = "number";
      cell.textContent = counted(count);
      row.append(cell);
    }
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
  draw(picture.minutes);
  list(picture.languages);
}

function told(picture) {
  const runs = picture.seen_at !== null && picture.at - picture.seen_at < QUIET_SECONDS;
  if (!picture.trouble) place("state").textContent = runs ? "Live." : "The processor does not run.";
}

show(JSON.parse(place("picture").textContent));
const stream = new EventSource("/live/events");
stream.onmessage = (event) => {
  const picture = JSON.parse(event.data);
  show(picture);
  told(picture);
};
stream.onerror = () => {
  place("state").textContent = "Connecting…";
};
