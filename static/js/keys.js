"use strict";
// Single keys: never in fields or dialogs, none decides anything, and they can be off.
(() => {
  const { $, $$ } = window.bg;
  let wentTo = 0;
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") $$("details[data-menu][open]").forEach((menu) => { menu.open = false; $("summary", menu).focus(); });
    const keys = $("#keys");
    if (keys?.dataset.keys !== "on" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog[open]")) return;
    const to = keys.dataset[`goto${event.key.toUpperCase()}`];
    if (Date.now() - wentTo < 1000 && to) { location.href = to; return; }
    wentTo = event.key === "g" ? Date.now() : 0;
    const rows = $$("[data-row]");
    const move = { j: 1, k: -1 }[event.key];
    if (event.key === "?") { event.preventDefault(); keys.showModal(); }
    else if (event.key === "n" && keys.dataset.new) location.href = keys.dataset.new;
    else if (event.key === "/" && $("[data-slash]")) { event.preventDefault(); $("[data-slash]").focus(); }
    else if (move && rows.length) {
      const at = rows.indexOf(document.activeElement);
      rows[Math.max(0, Math.min(rows.length - 1, at + move))].focus();
    }
  });
})();
