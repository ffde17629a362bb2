// Keeps the page fresh: asks for its sections again, and puts in those that have changed.
"use strict";
(() => {
  const page = document.querySelector("[data-live]");
  const fresh = document.getElementById("fresh"), lost = document.getElementById("lost");
  const EVERY = 2000, OVER = 15000, HIDDEN = 60000;
  let tag = null, live = true, since = null, timer = 0;

  function put(section, html) {
    const held = section.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    section.innerHTML = html;
    section.hidden = !html;
    if (held) [...section.querySelectorAll("a")].find((a) => a.getAttribute("href") === held)?.focus();
  }

  function show(told) {
    document.title = told.title;
    live = told.live;
    for (const [name, html] of Object.entries(told.sections)) {
      const section = document.getElementById(name);
      if (section && section.dataset.html !== html) put(section, html);
      if (section) section.dataset.html = html;
    }
  }

  async function ask() {
    const headers = tag ? { "If-None-Match": tag } : {};
    const answer = await fetch(page.dataset.live, { headers, cache: "no-store", signal: AbortSignal.timeout(20000) });
    if (answer.status === 200) {
      show(await answer.json());
      tag = answer.headers.get("ETag");
    } else if (answer.status !== 304) {
      throw new Error(`it answered with ${answer.status}`);
    }
  }

  async function look() {
    clearTimeout(timer);
    const now = new Date().toLocaleTimeString();
    try {
      await ask();
      since = null;
      lost.hidden = true;
      fresh.textContent = `looked at ${now}`;
    } catch (error) {
      since = since || now;
      lost.hidden = false;
      lost.firstElementChild.textContent =
        `No answer from \u201cgenai status --web\u201d since ${since} (${error.message}). What is shown is older. It is asked again every few seconds.`;
    }
    timer = setTimeout(look, document.hidden ? HIDDEN : live || since ? EVERY : OVER);
  }

  document.addEventListener("visibilitychange", () => document.hidden || look());
  look();
})();
