"use strict";
// Everything here is comfort: each page works without it. No eval, no inline handlers.
// First of the frame's files: what the others share (window.bg), the server's clock, clicks and menus.
window.bg = (() => {
  const $ = (css, from = document) => from.querySelector(css);
  const $$ = (css, from = document) => [...from.querySelectorAll(css)];
  const words = $("#words")?.dataset || {};
  const say = (text) => { const sr = $("#sr"); if (sr) sr.textContent = text; };
  const ready = [];
  addEventListener("DOMContentLoaded", () => ready.forEach((task) => task()));
  const two = (n) => String(n).padStart(2, "0");
  // Each part of a page that counts says what time it is on the server: data-now.
  let skew = 0;
  function now() {
    for (const el of $$("[data-now]:not([data-learnt])")) {
      skew = Date.parse(el.dataset.now) - Date.now();
      el.dataset.learnt = "1";
    }
    return Date.now() + skew;
  }
  return { $, $$, words, say, ready, two, now };
})();
(() => {
  const { $, $$, ready, say, words } = window.bg;
  // A row of tabs that is wider than a phone shows the current one: only the row moves, and at once.
  const rows = new ResizeObserver((changed) => {
    for (const { target: row } of changed) {
      const tab = $("[aria-current]", row);
      if (tab) row.scrollLeft = tab.offsetLeft - row.offsetLeft + (tab.offsetWidth - row.clientWidth) / 2;
    }
  });
  ready.push(() => $$(".tabs").forEach((row) => rows.observe(row)));
  addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy], [data-copy-from]");
    if (copy) {
      const text = copy.dataset.copy || $(copy.dataset.copyFrom)?.textContent || "";
      await navigator.clipboard?.writeText(text.trim());
      const label = $("[data-copy-label]", copy) || copy, before = label.textContent;
      label.textContent = words.copied; say(words.copied);
      setTimeout(() => { label.textContent = before; }, 2000);
    }
    if (event.target.closest("[data-open-keys]")) $("#keys")?.showModal();
    if (event.target.closest("[data-close-keys]")) $("#keys")?.close();
    if (event.target.closest("[data-print]")) print();
    for (const menu of $$("details[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
  });
})();
