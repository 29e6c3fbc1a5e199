"use strict";
// The sign-in page keeps the place on the page it leads to, and says what was kept.
(() => {
  const { $, $$ } = window.bg;
  // The part after # never reaches the server, so it is put into the address led to.
  if (location.hash) {
    for (const field of $$("input[name=next]")) if (field.value && !field.value.includes("#")) field.value += location.hash;
    for (const link of $$("a[data-next]")) {
      const to = new URL(link.href), next = to.searchParams.get("next");
      if (!next || next.includes("#")) continue;
      to.searchParams.set("next", next + location.hash);
      link.href = to;
    }
  }
  // A sign-out drops the drafts of this tab: one that is here outlived its session.
  if (Object.keys(sessionStorage).some((key) => key.startsWith("draft:"))) {
    for (const el of $$("[data-draft-kept]")) el.hidden = false;
    $("[data-signed-out]").hidden = false;
  }
})();
