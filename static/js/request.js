"use strict";
// Comfort for the request page and the inbox: the button says how long it approves for.
(() => {
  function label(select) {
    const target = document.getElementById(select.dataset.labels);
    const chosen = select.selectedOptions[0];
    if (target && chosen?.dataset.label && !target.dataset.before) target.textContent = chosen.dataset.label;
  }
  const all = () => document.querySelectorAll("select[data-labels]").forEach(label);
  addEventListener("change", (event) => { if (event.target.matches("select[data-labels]")) label(event.target); });
  addEventListener("DOMContentLoaded", () => setTimeout(all));  // after a draft was restored
  addEventListener("pageshow", () => setTimeout(all));
})();
