"use strict";
// The dashboard says how old it is, and its bars move. Without this, both stand as sent.
(() => {
  const { $$, now, ready } = window.bg;
  let fresh = Date.now();
  // An unchanged answer (204) is news too: what is shown was true just now.
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && event.detail.elt?.id === "live") fresh = Date.now();
  });
  function ages() {
    const seconds = Math.round((Date.now() - fresh) / 1000);
    for (const el of $$("[data-updated]")) {
      el.textContent = seconds < 2 ? el.dataset.lately : el.dataset.words.replace("{seconds}", seconds);
    }
  }
  function bars() {
    for (const bar of $$("[data-used-from]")) {
      const used = (now() - Date.parse(bar.dataset.usedFrom)) / 1000;
      const total = Number(bar.dataset.usedOf);
      const part = Math.min(Math.max(used, 0), total);
      bar.value = Math.floor(part * 100 / total);
      const text = bar.parentElement.querySelector("[data-words]");
      if (text) text.textContent = text.dataset.words.replace("{used}", Math.floor(part / 60));
    }
  }
  const tick = () => { ages(); bars(); };
  ready.push(tick);
  setInterval(tick, 1000);
  // A choice of period is enough; the button stays for keyboards and without JavaScript.
  for (const choice of $$("select[data-submits]")) choice.addEventListener("change", () => choice.form.requestSubmit());
})();
