"use strict";
// The audit pages: comfort only, each works without it.
(() => {
  const { $$ } = window.bg;
  const full = new Intl.DateTimeFormat(document.documentElement.lang || undefined, { dateStyle: "medium", timeStyle: "long", hourCycle: "h23" });

  // Times stand in UTC; the reader's own is in the tooltip.
  function tooltips() {
    for (const el of $$("time[data-local-title]:not([data-done])")) {
      el.dataset.done = "1";
      if (new Date().getTimezoneOffset() !== 0) el.title += ` (${full.format(new Date(el.dateTime))})`;
    }
  }

  // The list of events says how many are chosen, and closes when the focus leaves it.
  function chosen(pick) {
    const on = $$("input:checked", pick);
    const label = pick.querySelector("[data-pick-chosen]");
    label.textContent = on.length === 0 ? label.dataset.pickAny : on.length === 1 ? pick.querySelector(`label[for="${on[0].id}"]`).textContent : on.length;
  }
  addEventListener("change", (event) => {
    const pick = event.target.closest("[data-pick]");
    if (pick) chosen(pick);
  });
  addEventListener("click", (event) => {
    for (const pick of $$("[data-pick][open]")) if (!pick.contains(event.target)) pick.open = false;
  });
  addEventListener("focusin", (event) => {
    for (const pick of $$("[data-pick][open]")) if (!pick.contains(event.target)) pick.open = false;
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const pick of $$("[data-pick][open]")) { pick.open = false; pick.querySelector("summary").focus(); }
  });
  document.addEventListener("DOMContentLoaded", () => { tooltips(); $$("[data-pick]").forEach(chosen); });
  document.addEventListener("htmx:afterSettle", tooltips);
})();
