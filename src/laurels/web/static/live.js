// Keeps an open page up to date: follows the stream that the page names and asks for the page again when something came.
// Without this file everything is there, too; it only does not move by itself.
(() => {
  "use strict";
  const main = document.querySelector("main[data-live]");
  if (!main || !window.EventSource) return;

  let waiting = 0;
  const changed = () => {
    // Several messages come with one event: one look at the page is enough for all of them.
    window.clearTimeout(waiting);
    waiting = window.setTimeout(() => window.htmx.trigger(document.body, "laurels:changed"), 150);
  };

  const celebrate = (badge) => {
    const place = document.getElementById("celebration");
    const note = document.createElement("p");
    note.dir = "auto";
    note.textContent = (main.dataset.celebrate || "{name}").replace("{name}", badge.name);
    place.append(note);
    window.setTimeout(() => note.remove(), 6000);
  };

  // The first message says how things stand now, which the page shows already.
  let isFirst = true;
  const source = new EventSource(main.dataset.live);
  for (const kind of ["event", "profile", "progress", "leaderboard"]) {
    source.addEventListener(kind, () => {
      if (isFirst) isFirst = false;
      else changed();
    });
  }
  source.addEventListener("badge", (message) => {
    isFirst = false;
    celebrate(JSON.parse(message.data));
    changed();
  });
  window.addEventListener("pagehide", () => source.close());
})();
