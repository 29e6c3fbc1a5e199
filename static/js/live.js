"use strict";
// Parts that ask again by themselves, what they say, a lost line, and the session's end.
(() => {
  const { $, $$, say, words, ready } = window.bg;
  const body = document.body;

  // Polling: 3 s for a minute after activity, else 30 s, never while hidden. The red bar
  // and the inbox's count go on at 20 s, so that the bar goes in time when a bypass ends.
  let active = Date.now(), nextTick = Date.now() + 3000, nextSlow = Date.now() + 20000;
  const wake = () => { active = Date.now(); nextTick = Math.min(nextTick, active + 3000); };
  ["pointermove", "pointerdown", "keydown", "focus", "visibilitychange", "online"].forEach((name) => addEventListener(name, wake, { passive: true }));
  const fire = (name) => body.dispatchEvent(new CustomEvent(name));
  function poll() {
    const now = Date.now();
    if (document.hidden) return;
    if (now >= nextTick) { nextTick = now + (now - active < 60000 ? 3000 : 30000); fire("bg:tick"); }
    if (now >= nextSlow) { nextSlow = now + 20000; fire("bg:slow"); }
  }
  window.bg.soon = () => { nextTick = nextSlow = Date.now() + 700; };

  // The inbox's count and the tab's icon follow the frame's live part.
  function frame() {
    const found = $("#inbox-count"), icon = $("link[rel='icon']");
    if (found) for (const el of $$(".js-inbox-count")) { el.textContent = found.dataset.inboxCount; el.hidden = !Number(found.dataset.inboxCount); }
    if (icon) { const wanted = $("[data-icon='active']") ? icon.dataset.active : icon.dataset.calm; if (icon.getAttribute("href") !== wanted) icon.setAttribute("href", wanted); }
    const end = found?.dataset.sessionEnds, bar = $("#session");
    if (end && bar) bar.dataset.ends = end;
  }

  // After a swap: what happened is said, once for each change.
  let told = "";
  body.addEventListener("htmx:afterSettle", (event) => {
    window.bg.times(); window.bg.countdown(); frame(); window.bg.watch();
    if (event.detail.xhr?.status === 422) window.bg.errors(event.detail.target?.isConnected ? event.detail.target : document);
    const elt = event.detail.elt, news = elt.matches("[data-say]") ? elt : $("[data-say]", elt);
    if (news && !(news.closest("[data-live]") && news.dataset.say === told)) say(told = news.dataset.say);
  });

  // Errors: the server's words go to #flash; a lost line is said once, above the page.
  let fine = new Date();
  function paused() {
    const net = $("#net");
    $("[data-net-since]", net).textContent = fine.toLocaleTimeString(document.documentElement.lang, { hourCycle: "h23" });
    net.hidden = false;
  }
  addEventListener("offline", () => { if ($("[data-live]")) paused(); });
  body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.getResponseHeader("HX-Retarget") === "#flash") event.detail.shouldSwap = true;
  });
  body.addEventListener("htmx:afterOnLoad", (event) => {
    if (event.detail.xhr.status >= 400) return;
    fine = new Date();
    if (!$("#net").hidden) { $("#net").hidden = true; say(words.back); }
    event.detail.elt?.classList.remove("failed");
  });
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    body.addEventListener(name, (event) => {
      const elt = event.detail.elt;
      if (event.detail.xhr?.getResponseHeader?.("HX-Retarget")) return;
      if (elt?.closest("[data-live]")) { paused(); return; }
      if (elt?.closest("[data-quiet-errors]")) { elt.classList.add("failed"); return; }
      const alert = document.createElement("div");
      alert.className = "alert alert-danger message"; alert.setAttribute("role", "alert"); alert.textContent = words.silent;
      $("#flash").replaceChildren(alert);
      scrollTo(0, 0);
    });
  }

  // Two minutes before the session ends there is a way to stay.
  function session() {
    const bar = $("#session");
    if (!bar) return;
    const left = Date.parse(bar.dataset.ends) - window.bg.now();
    const late = left <= 120000;
    if (bar.hidden === late) bar.hidden = !late;
    if (left <= 0) { bar.querySelector("span").textContent = words.signedOut; }
    // A day after the sign-in only a new one helps.
    const button = $("button", bar);
    if (button) button.hidden = left <= 0 || bar.dataset.last === "1";
  }
  body.addEventListener("bg:renewed", (event) => {
    const bar = $("#session"), count = $("#inbox-count");
    bar.dataset.ends = event.detail.ends;
    bar.dataset.last = event.detail.last ? "1" : "";
    if (count) count.dataset.sessionEnds = event.detail.ends;
    bar.hidden = true;
  });

  ready.push(frame);
  setInterval(() => { poll(); session(); }, 1000);
})();
