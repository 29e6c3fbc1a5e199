"use strict";
// How long the page has waited for a gate's call, on the server's clock.
(() => {
  const two = (n) => String(n).padStart(2, "0");
  const skews = new Map();
  setInterval(() => {
    for (const el of document.querySelectorAll("[data-elapsed]")) {
      if (!skews.has(el.dataset.now)) skews.set(el.dataset.now, Date.parse(el.dataset.now) - Date.now());
      const gone = Math.max(0, Math.floor((Date.now() + skews.get(el.dataset.now) - Date.parse(el.dataset.elapsed)) / 1000));
      el.textContent = `${two(Math.floor(gone / 60))}:${two(gone % 60)}`;
    }
  }, 1000);
})();
