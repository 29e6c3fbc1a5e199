"use strict";
// Comfort of the request form: it can be sent without all of this.
(() => {
  const { $ } = window.bg;
  const form = () => $("[data-request-form]");

  // A form that is gone back to is the same form: sent once more, it is the same request.
  // The server gives another key when what is asked for has changed since.
  function keep() {
    const key = form()?.elements.form_key;
    if (key) history.replaceState({ ...history.state, formKey: key.value }, "");
  }
  function recall() {
    const key = form()?.elements.form_key, kept = history.state?.formKey;
    if (key && kept && !$("[data-error-summary]")) key.value = kept;
    keep();
  }

  // The folded scope shows what the fields hold, also after a draft came back.
  function shows() {
    for (const el of document.querySelectorAll("[data-shows]")) {
      const text = form().elements[el.dataset.shows].value.trim();
      el.textContent = text || el.dataset.empty || "";
    }
  }

  // Many gates: a box that narrows the list; the only one left is chosen.
  function filter() {
    const box = $("[data-gate-filter]"), select = form()?.elements.gate;
    if (!box || box.dataset.ready || !select) return;
    box.dataset.ready = "1";
    if (select.options.length - 1 <= Number(box.dataset.gateFilter)) return;
    box.hidden = false;
    const all = [...select.children].map((el) => el.cloneNode(true));
    $("input", box).addEventListener("input", (event) => {
      const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean), chosen = select.value;
      const fits = (option) => !option.value || option.value === chosen
        || words.every((word) => `${option.text} ${option.value}`.toLowerCase().includes(word));
      const left = all.map((el) => el.cloneNode(true));
      for (const el of left) for (const option of [...el.querySelectorAll("option")]) if (!fits(option)) option.remove();
      select.replaceChildren(...left.filter((el) => (el.matches("option") ? fits(el) : el.children.length)));
      select.value = chosen;
      const found = [...select.options].filter((option) => option.value && words.length && option.value !== chosen);
      if (found.length === 1 && !chosen) { select.value = found[0].value; select.dispatchEvent(new Event("change", { bubbles: true })); }
      event.stopPropagation();
    });
    $("input", box).addEventListener("change", (event) => event.stopPropagation());
  }

  function start() { recall(); filter(); if (form()) shows(); }
  addEventListener("DOMContentLoaded", start);
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "form") { keep(); filter(); shows(); }
  });
  document.addEventListener("input", (event) => { if (event.target.closest("#scope") && form()) shows(); });
  document.addEventListener("bg:restored", () => { if (form()) shows(); });
  // Out of order on the server: its words come with the form, where everything typed stays.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const xhr = event.detail.xhr;
    if (xhr.status === 503 && xhr.getResponseHeader("HX-Retarget") === "#form") { event.detail.shouldSwap = true; event.detail.isError = false; }
  });
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(name, (event) => {
      const way = $("[data-emergency]");
      if (way && event.target === form()) way.open = true;
    });
  }
})();
