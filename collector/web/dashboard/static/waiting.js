// Asks whether the first beacon has come, and shows the page anew when there is something to tell.
"use strict";

(() => {
  const EVERY = 3000;
  const SLOWEST = 60000;
  const told = document.getElementById("told");
  let wait = EVERY;
  let timer = 0;

  const waiting = () => document.querySelector("[data-waiting]");

  const showAnew = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const fresh = answer.ok && new DOMParser()
      .parseFromString(await answer.text(), "text/html").getElementById("installation");
    if (!fresh) {
      throw new Error("no page"); // the session has ended, or the server: asked again later
    }
    document.getElementById("installation").replaceWith(document.adoptNode(fresh));
    document.dispatchEvent(new Event("installation-told"));
  };

  const ask = async () => {
    const here = waiting();
    try {
      const answer = await fetch(here.dataset.waiting, { headers: { Accept: "application/json" } });
      const found = await answer.json();
      if (found.heard || String(found.refused) !== here.dataset.refused) {
        await showAnew();
        told.textContent = found.sentence;
      }
      wait = EVERY;
    } catch {
      wait = Math.min(2 * wait, SLOWEST);
    }
    later();
  };

  const later = () => {
    clearTimeout(timer);
    if (waiting()) {
      // Who looks elsewhere is told when they come back.
      timer = setTimeout(ask, document.hidden ? SLOWEST : wait);
    }
  };

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (waiting()) {
      timer = setTimeout(ask, document.hidden ? SLOWEST : 0);
    }
  });
  later();
})();
