"use strict";
// Everything here is comfort: each page works without it. No eval, no inline handlers.
(() => {
  const $ = (css, from = document) => from.querySelector(css);
  const $$ = (css, from = document) => [...from.querySelectorAll(css)];
  const body = document.body;
  const say = (text) => { const sr = $("#sr"); if (sr) sr.textContent = text; };

  // 1. Polling: 3 s for a minute after activity, else 30 s, never while hidden.
  let active = Date.now(), nextTick = Date.now() + 3000, nextSlow = Date.now() + 20000;
  const wake = () => { active = Date.now(); nextTick = Math.min(nextTick, active + 3000); };
  ["pointermove", "pointerdown", "keydown", "focus", "visibilitychange"].forEach((name) => addEventListener(name, wake, { passive: true }));
  const fire = (name) => body.dispatchEvent(new CustomEvent(name));
  function poll() {
    const now = Date.now();
    if (document.hidden) return;
    if (now >= nextTick) { nextTick = now + (now - active < 60000 ? 3000 : 30000); fire("bg:tick"); }
    if (now >= nextSlow) { nextSlow = now + 20000; fire("bg:slow"); }
  }

  // 2. Countdowns run on the server's clock; said politely at 10, 5 and 1 minutes.
  const said = new Set();
  const two = (n) => String(n).padStart(2, "0");
  function countdown() {
    for (const el of $$("[data-deadline]")) {
      el.dataset.skew ||= Date.parse(el.dataset.now) - Date.now();
      const left = Math.ceil((Date.parse(el.dataset.deadline) - Date.now() - el.dataset.skew) / 1000);
      const hours = Math.floor(left / 3600), minutes = Math.floor(left / 60) % 60;
      const text = left <= 0 ? "time is over" : `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(left % 60)}`;
      if (el.textContent !== text) el.textContent = text;
      el.hidden = false;
      el.classList.toggle("soon", left > 0 && left < 300);
      el.classList.toggle("over", left <= 0);
      for (const mark of [10, 5, 1]) {
        const key = `${el.dataset.deadline} ${mark}`;
        if (left <= mark * 60 && left > mark * 60 - 5 && !said.has(key)) { said.add(key); say(`${mark} minute${mark > 1 ? "s" : ""} left`); }
      }
      if (left === 0 && !said.has(el.dataset.deadline)) { said.add(el.dataset.deadline); nextTick = nextSlow = Date.now() + 700; }
    }
  }

  // 3. Times: local beside UTC, relative ones kept up to date.
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });
  const short = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
  const away = new Date().getTimezoneOffset() !== 0;
  const skew = () => Number($("[data-deadline]")?.dataset.skew || 0);
  function times(from = document) {
    for (const el of $$("time[data-local]:not([data-done]), time[data-relative]:not([data-done])", from)) {
      el.dataset.done = "1";
      if (!away) continue;
      const at = new Date(el.dateTime);
      el.title += ` (${full.format(at)} your time)`;
      if ("local" in el.dataset) el.append(` (${short.format(at)} your time)`);
    }
  }
  function ages() {
    for (const el of $$("time[data-relative]")) {
      const minutes = Math.trunc((Date.parse(el.dateTime) - Date.now() - skew()) / 60000);
      if (Math.abs(minutes) < 1) continue;
      const [n, unit] = Math.abs(minutes) < 60 ? [minutes, "minute"] : Math.abs(minutes) < 1440 ? [Math.trunc(minutes / 60), "hour"] : [Math.trunc(minutes / 1440), "day"];
      el.textContent = relative.format(n, unit);
    }
  }

  // 4. After a swap: what happened is said, errors get the focus, the inbox count agrees.
  function errors(from = document) {
    const summary = $("[data-error-summary]", from);
    if (!summary) return;
    summary.focus();
    document.title = `Error: ${document.title.replace(/^Error: /, "")}`;
  }
  function counts() {
    const found = $("#inbox-count");
    if (!found) return;
    const count = Number(found.dataset.inboxCount);
    for (const el of $$(".js-inbox-count")) { el.textContent = count; el.hidden = !count; }
  }
  let told = "";
  body.addEventListener("htmx:afterSettle", (event) => {
    times(); countdown(); counts(); watch();
    if (event.detail.xhr?.status === 422) errors(event.detail.target?.isConnected ? event.detail.target : document);
    const elt = event.detail.elt, news = elt.matches("[data-say]") ? elt : $("[data-say]", elt);
    if (news && !(news.closest("[data-live]") && news.dataset.say === told)) say(told = news.dataset.say);
  });

  // 5. Errors: the server's words go to #flash; a lost line is said once, above the page.
  let fine = new Date();
  body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.getResponseHeader("HX-Retarget") === "#flash") event.detail.shouldSwap = true;
  });
  body.addEventListener("htmx:afterOnLoad", (event) => { if (event.detail.xhr.status < 400) { fine = new Date(); $("#net").hidden = true; event.detail.elt?.classList.remove("failed"); } });
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    body.addEventListener(name, (event) => {
      const xhr = event.detail.xhr, net = $("#net");
      if (xhr?.getResponseHeader?.("HX-Retarget")) return;
      if (event.detail.elt?.closest("[data-live]")) { $("[data-net-since]", net).textContent = fine.toLocaleTimeString(); net.hidden = false; return; }
      if (event.detail.elt?.closest("[data-quiet-errors]")) { event.detail.elt.classList.add("failed"); return; }
      $("#flash").innerHTML = '<div class="alert alert-danger message" role="alert"><div><strong>Problem:</strong> the portal did not answer. Your text is still here; try again.</div></div>';
      scrollTo(0, 0);
    });
  }

  // 6. Drafts: typed text survives a reload, Back and an ended session, on this device.
  const draftOf = (form) => `draft:${form.dataset.draft}`;
  const fields = (form) => [...form.elements].filter((el) => el.name && !["hidden", "submit", "button", "password"].includes(el.type));
  function restore(form) {
    let draft = null;
    try { draft = JSON.parse(sessionStorage.getItem(draftOf(form))); } catch { return; }
    if (!draft || $("[data-error-summary]", form.parentElement)) return;
    let changed = 0;
    for (const el of fields(form)) {
      if (!(el.name in draft)) continue;
      if (el.type === "radio" || el.type === "checkbox") { const on = draft[el.name] === el.value; changed += on !== el.checked; el.checked = on; }
      else if (el.value !== draft[el.name]) { el.value = draft[el.name]; changed++; }
    }
    if (changed) { say("Your draft was restored"); form.dispatchEvent(new CustomEvent("bg:restored", { bubbles: true })); }
  }
  function watch() {
    for (const form of $$("form[data-draft]:not([data-watched])")) {
      form.dataset.watched = "1";
      form.addEventListener("input", () => {
        const draft = {};
        for (const el of fields(form)) if (!["radio", "checkbox"].includes(el.type) || el.checked) draft[el.name] = el.value;
        sessionStorage.setItem(draftOf(form), JSON.stringify(draft));
      });
      restore(form);
    }
    for (const el of $$("[data-clear-draft]")) {
      for (const key of Object.keys(sessionStorage)) if (key.startsWith(`draft:${el.dataset.clearDraft}`)) sessionStorage.removeItem(key);
    }
  }

  // 7. Clicks: copy, menus, the list of keys; a form is sent once.
  addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy], [data-copy-from]");
    if (copy) {
      const text = copy.dataset.copy || $(copy.dataset.copyFrom)?.textContent || "";
      await navigator.clipboard?.writeText(text.trim());
      const label = $("[data-copy-label]", copy) || copy, before = label.textContent;
      label.textContent = "Copied"; say("Copied");
      setTimeout(() => { label.textContent = before; }, 2000);
    }
    if (event.target.closest("[data-open-keys]")) $("#keys")?.showModal();
    if (event.target.closest("[data-print]")) print();
    for (const menu of $$("details[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  addEventListener("submit", (event) => {
    const form = event.target, busy = event.submitter?.dataset.busy;
    if (form.method === "dialog" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent && Date.now() - form.dataset.sent < 5000) { event.preventDefault(); return; }
    form.dataset.sent = Date.now();
    if (busy) { const label = $("span", event.submitter) || event.submitter; label.dataset.before = label.textContent; label.textContent = busy; }
  });
  addEventListener("pageshow", () => {
    $$("form[data-sent]").forEach((form) => delete form.dataset.sent);
    $$("[data-before]").forEach((label) => { label.textContent = label.dataset.before; });
  });

  // 8. Keys: never in fields or dialogs, none decides anything, and they can be off.
  let wentTo = 0;
  const toggle = $("[data-keys-toggle]");
  if (toggle) {
    toggle.checked = localStorage.getItem("keys") !== "off";
    toggle.addEventListener("change", () => localStorage.setItem("keys", toggle.checked ? "on" : "off"));
  }
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") $$("details[data-menu][open]").forEach((menu) => { menu.open = false; $("summary", menu).focus(); });
    if (!toggle?.checked || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog[open]")) return;
    const keys = $("#keys"), to = keys.dataset[`goto${event.key.toUpperCase()}`];
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

  // After htmx has looked at the page: a restored draft asks for its preview.
  addEventListener("DOMContentLoaded", () => { times(); countdown(); counts(); watch(); errors(); });
  setInterval(() => { countdown(); poll(); }, 1000);
  setInterval(ages, 15000);
})();
