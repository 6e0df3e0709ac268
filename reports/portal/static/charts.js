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
      logLevel: 1, // errors only
      tooltip: { disableDefaultStyle: true },
    })
    .then((embedded) => {
      live.hidden = false;
      if (live.scrollWidth > figure.clientWidth) {
        // Too wide for this screen, and a drawing does not shrink as a picture does.
        embedded.finalize();
        live.replaceChildren();
        live.hidden = true;
        figure.dataset.chart = "picture";
        return;
      }
      // The picture stays for readers of its text; the drawing takes its place on the screen.
      live.setAttribute("aria-hidden", "true");
      picture.classList.add("unseen");
      figure.dataset.chart = "live";
    })
    .catch((error) => {
      live.hidden = true;
      console.warn("the chart stays a picture:", error.message);
    });
}
