"use strict";
// How long the page has waited for a gate's call, on the server's clock.
(() => {
  const { $$, now, two } = window.bg;
  setInterval(() => {
    for (const el of $$("[data-elapsed]")) {
      const gone = Math.max(0, Math.floor((now() - Date.parse(el.dataset.elapsed)) / 1000));
      el.textContent = `${two(Math.floor(gone / 60))}:${two(gone % 60)}`;
    }
  }, 1000);
})();
