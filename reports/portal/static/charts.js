// Makes each chart live; where that fails, its picture stays.
"use strict";
for (const figure of document.querySelectorAll("figure[data-chart]")) {
  const live = figure.querySelector(".live");
  const picture = figure.querySelector("img");
  const spec = JSON.parse(figure.querySelector("script").textContent);
  window
    .vegaEmbed(live, spec, {
      ast: true, // the interpreter: the pages' policy forbids eval
      actions: false,
      defaultStyle: false,
      renderer: "canvas",
      tooltip: { disableDefaultStyle: true },
    })
    .then(() => {
      // The picture stays for readers of its text; the drawing takes its place on the screen.
      live.setAttribute("aria-hidden", "true");
      live.hidden = false;
      picture.classList.add("unseen");
      figure.dataset.chart = "live";
    })
    .catch((error) => {
      live.hidden = true;
      console.warn("the chart stays a picture:", error.message);
    });
}
