"use strict";
// Keeps what is typed, every 20 s of change, for its writer alone. Saving stays a button.
(() => {
  const form = document.getElementById("editor");
  const shown = document.getElementById("kept");
  if (!form || !form.dataset.keep || !shown) return;
  const every = 20000;
  let changed = false, busy = false, last = 0, sending = false;
  const say = (text) => { if (shown.textContent !== text) shown.textContent = text; };

  async function keep() {
    if (!changed || busy || sending) return;
    busy = true; changed = false;
    try {
      const answer = await fetch(form.dataset.keep, { method: "POST", body: new FormData(form), credentials: "same-origin", redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      last = Date.now();
      told();
    } catch {
      changed = true;
      say(form.dataset.failed);
    } finally { busy = false; }
  }
  function told() {
    if (!last) return;
    const seconds = Math.round((Date.now() - last) / 1000);
    const words = seconds < 60 ? form.dataset.said : form.dataset.saidMinutes;
    // Rounded, so that a screen reader is not told each second.
    const count = seconds < 60 ? Math.floor(seconds / 10) * 10 : Math.floor(seconds / 60);
    say(words.replace("%s", String(count)));
  }
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { sending = true; });
  addEventListener("pageshow", () => { sending = false; });
  setInterval(keep, every);
  setInterval(() => { if (!busy && last) told(); }, 10000);
  document.addEventListener("visibilitychange", () => { if (document.hidden) keep(); });
})();
