"use strict";
// Countdowns on the server's clock, relative times kept up to date, and the browser's
// zone, which the server shows from the next page on (portal/http/cookies.py).
(() => {
  const { $$, now, say, two, words, ready } = window.bg;
  const said = new Set();
  function countdown() {
    for (const el of $$("[data-deadline]")) {
      const left = Math.ceil((Date.parse(el.dataset.deadline) - now()) / 1000);
      const hours = Math.floor(left / 3600), minutes = Math.floor(left / 60) % 60;
      const text = left <= 0 ? words.over : `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(left % 60)}`;
      if (el.textContent !== text) el.textContent = text;
      el.hidden = false;
      el.classList.toggle("soon", left > 0 && left < 300);
      el.classList.toggle("over", left <= 0);
      for (const mark of [10, 5, 1]) {
        const key = `${el.dataset.deadline} ${mark}`;
        if (left <= mark * 60 && left > mark * 60 - 5 && !said.has(key)) { said.add(key); say(words[`left-${mark}`]); }
      }
      if (left === 0 && !said.has(el.dataset.deadline)) { said.add(el.dataset.deadline); window.bg.soon?.(); }
    }
  }

  const root = document.documentElement;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  const known = document.cookie.split("; ").find((one) => one.startsWith("tz="));
  if (zone && known !== `tz=${zone}`) document.cookie = `tz=${zone}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  // The first page of a browser, before the server has heard of its zone.
  const short = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const full = new Intl.DateTimeFormat(root.lang, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
  const yours = (time) => words.yours.replace("%(time)s", time);
  function times() {
    if (root.dataset.zone || !new Date().getTimezoneOffset()) return;
    for (const el of $$("time[data-local]:not([data-done]), time[data-relative]:not([data-done])")) {
      el.dataset.done = "1";
      const at = new Date(el.dateTime);
      el.title += ` ${yours(full.format(at))}`;
      if ("local" in el.dataset) el.append(` ${yours(short.format(at))}`);
    }
  }
  const relative = new Intl.RelativeTimeFormat(root.lang || "en", { numeric: "always" });
  function ages() {
    for (const el of $$("time[data-relative]")) {
      const minutes = Math.trunc((Date.parse(el.dateTime) - now()) / 60000);
      if (Math.abs(minutes) < 1) continue;
      const [n, unit] = Math.abs(minutes) < 60 ? [minutes, "minute"] : Math.abs(minutes) < 1440 ? [Math.trunc(minutes / 60), "hour"] : [Math.trunc(minutes / 1440), "day"];
      el.textContent = relative.format(n, unit);
    }
  }
  Object.assign(window.bg, { times, countdown });
  ready.push(times, countdown);
  setInterval(countdown, 1000);
  setInterval(ages, 15000);
})();
