"use strict";
// Forms: typed text survives, errors get the focus, and a form is sent once.
(() => {
  const { $, $$, say, words, ready } = window.bg;
  // Each form with a text has a draft: named by the page, or by the form's own address.
  // It goes when the form has arrived. A sign-in or a page that says no keeps it.
  const SENT = "draft-sent";
  // It is its writer's: on a page of somebody else, and with the sign-out, it goes.
  const person = document.documentElement.dataset.person || "", mine = `draft:${person}:`;
  const drop = (goes) => Object.keys(sessionStorage).filter((key) => key.startsWith("draft:") && goes(key)).forEach((key) => sessionStorage.removeItem(key));
  if (person) drop((key) => !key.startsWith(mine));
  const draftOf = (form) => `${mine}${form.dataset.draft || new URL(form.getAttribute("action") || "", location.href).pathname}`;
  const isKept = (form) => "draft" in form.dataset || (form.getAttribute("method")?.toLowerCase() === "post" && $("textarea", form) && !("noDraft" in form.dataset));
  function arrived() {
    const key = sessionStorage.getItem(SENT);
    if (!key || location.pathname === "/accounts/reauthenticate/") return;
    sessionStorage.removeItem(SENT);
    if (location.pathname === "/accounts/login/" || $("[data-keep-drafts], [data-error-summary]")) return;
    sessionStorage.removeItem(key);
  }
  const isChoice = (el) => el.type === "radio" || el.type === "checkbox";
  // A name that stands twice in a form says not which of its fields a text belongs to.
  function fields(form) {
    const named = [...form.elements].filter((el) => el.name && !["submit", "button"].includes(el.type)), times = {};
    for (const el of named) times[el.name] = (times[el.name] || 0) + 1;
    return named.filter((el) => !["hidden", "password", "file"].includes(el.type) && (el.type === "radio" || times[el.name] === 1));
  }
  const stored = (form) => { try { return JSON.parse(sessionStorage.getItem(draftOf(form))); } catch { return null; } };
  // What the server put into a field, before anybody typed.
  const given = (el) => (el.options ? [...el.options].find((option) => option.defaultSelected)?.value ?? "" : el.defaultValue);
  function restore(form) {
    const draft = stored(form);
    if (!draft || $("[data-error-summary]", form.parentElement)) return;
    let changed = 0;
    for (const el of fields(form)) {
      if (!(el.name in draft)) continue;
      // Somebody else's text came meanwhile: a draft of the old one stays out of it.
      if (!isChoice(el) && (draft[`${el.name} was`] ?? given(el)) !== given(el)) continue;
      if (isChoice(el)) { const on = draft[el.name] === el.value; changed += on !== el.checked; el.checked = on; }
      else if (el.value !== draft[el.name]) { el.value = draft[el.name]; changed++; }
    }
    if (changed) { say(words.restored); form.dispatchEvent(new CustomEvent("bg:restored", { bubbles: true })); }
  }
  function watch() {
    for (const form of $$("form:not([data-watched])").filter(isKept)) {
      form.dataset.watched = "1";
      form.addEventListener("input", () => {
        // A page that says no shows what its person typed: what was there before stays.
        const draft = {}, before = $("[data-error-summary]") ? stored(form) : null;
        for (const el of fields(form)) {
          if (!isChoice(el) || el.checked) draft[el.name] = el.value;
          if (!isChoice(el)) draft[`${el.name} was`] = before?.[`${el.name} was`] ?? given(el);
        }
        sessionStorage.setItem(draftOf(form), JSON.stringify(draft));
      });
      restore(form);
    }
    for (const el of $$("[data-clear-draft]")) {
      drop((key) => key.startsWith(`${mine}${el.dataset.clearDraft}`));
    }
  }
  function errors(from = document) {
    const summary = $("[data-error-summary]", from);
    if (!summary) return;
    summary.focus();
    const bare = document.title.startsWith(words.error) ? document.title.slice(words.error.length).trim() : document.title;
    document.title = `${words.error} ${bare}`;
  }
  addEventListener("submit", (event) => {
    const form = event.target, busy = event.submitter?.dataset.busy;
    if ("dropDrafts" in form.dataset) drop(() => true);
    if (form.method === "dialog" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent && Date.now() - form.dataset.sent < 5000) { event.preventDefault(); return; }
    form.dataset.sent = Date.now();
    if (isKept(form) && !("draft" in form.dataset)) sessionStorage.setItem(SENT, draftOf(form));
    if (busy) { const label = $("span", event.submitter) || event.submitter; label.dataset.before = label.textContent; label.textContent = busy; }
  });
  addEventListener("pageshow", () => {
    $$("form[data-sent]").forEach((form) => delete form.dataset.sent);
    $$("[data-before]").forEach((label) => { label.textContent = label.dataset.before; });
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt;
    if (form.tagName === "FORM" && event.detail.successful && !event.detail.xhr.getResponseHeader("HX-Redirect")) sessionStorage.removeItem(draftOf(form));
  });
  Object.assign(window.bg, { watch, errors });
  // After htmx has looked at the page: a restored draft asks for its preview.
  ready.push(arrived, watch, () => errors());
})();
