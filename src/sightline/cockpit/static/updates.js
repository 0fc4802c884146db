// What is new comes by itself: one connection (news.js) says which topics changed, and the parts of this page that follow
// them (data-follows, with an id) are fetched anew, once a second at most, and morphed where they stand: focus,
// open details, scrolling and forms that somebody began to fill in stay. Where nothing is heard for 12 s the page
// says since when it is stale. While nobody sees it, it does not listen, and catches up afterwards.

import { listen } from "./news.js";

const STALE_MS = 12_000;
const EVERY_MS = 1000;
const AGAIN_MS = [1000, 2000, 4000, 8000, 15_000, 30_000];
const HIDDEN_MS = 10_000;

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";
const banner = document.getElementById("stale");
const link = document.getElementById("link");

let source = null;
let last = meta("news");
let heard = Date.now();
let tries = 0;
let again = 0;
let over = false; // logged out: nothing more is asked for

// What is heard

function open() {
  clearTimeout(again);
  if (over || source) return;
  source = listen(meta("stream"), last);
  source.addEventListener("open", show);
  source.addEventListener("news", (event) => {
    here();
    last = event.lastEventId;
    due(JSON.parse(event.data).topics ?? every());
  });
  source.addEventListener("still", here);
  source.addEventListener("error", () => {
    if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    close();
    again = setTimeout(open, AGAIN_MS[Math.min(tries++, AGAIN_MS.length - 1)]);
    refresh([]); // whether one is still in
  });
}

function close() {
  source?.close();
  source = null;
}

function here() {
  heard = Date.now();
  tries = 0;
  show();
}

// What is said of it

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

function state() {
  if (over) return ["tone-bad", "logged out", "You are logged out. Load the page again to log in."];
  if (!navigator.onLine && !["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) {
    return ["tone-bad", "offline", `This device is offline: all is as of ${clock.format(heard)}.`];
  }
  if (Date.now() - heard > STALE_MS) {
    return ["tone-busy", "stale", `Stale since ${clock.format(heard)}: the coordinator says nothing. Trying again.`];
  }
  return source?.readyState === EventSource.OPEN ? ["tone-good", "up to date", ""] : ["tone-off", "connecting", ""];
}

function show() {
  const [tone, word, told] = state();
  if (link.textContent !== word) link.textContent = word;
  link.className = tone;
  if (banner.textContent !== told) banner.textContent = told;
}

// What is fetched anew

const topics = new Set();
let timer = 0;
let fetched = 0;
let fetching = false;

function due(some) {
  for (const topic of some) topics.add(topic);
  document.dispatchEvent(new CustomEvent("sightline:news", { detail: { topics: [...some] } }));
  plan();
}

function plan(least = 0) {
  if (timer || fetching || !topics.size) return;
  const wait = Math.max(least, fetched + EVERY_MS - Date.now(), 0);
  timer = setTimeout(async () => {
    timer = 0;
    fetching = true;
    const some = [...topics];
    topics.clear();
    const well = await refresh(some);
    if (!well) for (const topic of some) topics.add(topic);
    fetched = Date.now();
    fetching = false;
    plan(well ? 0 : 5000);
  }, wait);
}

const followed = () => [...document.querySelectorAll("[data-follows][id]")];
const every = () => followed().flatMap((part) => part.dataset.follows.split(/\s+/));
const follows = (part, some) => part.dataset.follows.split(/\s+/).some((topic) => some.includes(topic));

// Fetch what follows `some` topics; whether all came.
async function refresh(some) {
  const parts = followed().filter((part) => follows(part, some));
  const own = location.pathname + location.search;
  const addresses = new Set(parts.map((part) => part.dataset.from || own));
  if (!some.length) addresses.add("/account"); // a page of whoever is in
  const all = await Promise.all([...addresses].map((address) => take(address, parts, own)));
  return all.every(Boolean);
}

async function take(address, parts, own) {
  try {
    const answer = await fetch(address, { redirect: "manual", cache: "no-store" });
    if (answer.type === "opaqueredirect" || answer.status === 401) return out();
    if (!answer.ok) return answer.status === 404; // what was shown is gone: it stays as it was
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of parts) {
      const fresh = (part.dataset.from || own) === address ? page.getElementById(part.id) : null;
      if (fresh && part.isConnected) await put(part, fresh);
    }
    return true;
  } catch {
    return false;
  }
}

function put(part, fresh) {
  return htmx.swap({ text: fresh.outerHTML, target: part, sourceElement: part, swap: "outerMorph" });
}

function out() {
  over = true;
  close();
  show();
  return true;
}

// Forms under somebody's hands: from the first letter until they are sent or reset, and while one is in them

const form = (event) => (event.target.matches?.("input, select, textarea") ? event.target.form : null);
const dirty = new WeakSet();

document.addEventListener("focusin", (event) => form(event)?.setAttribute("data-touched", ""));
document.addEventListener("focusout", (event) => {
  const left = form(event);
  if (left && !dirty.has(left) && !left.contains(event.relatedTarget)) left.removeAttribute("data-touched");
});
document.addEventListener("input", (event) => {
  const touched = form(event);
  if (!touched) return;
  dirty.add(touched);
  touched.setAttribute("data-touched", "");
});
for (const kind of ["reset", "htmx:before:request"]) {
  document.addEventListener(kind, (event) => {
    const done = event.target.closest?.("form");
    if (!done) return;
    dirty.delete(done);
    done.removeAttribute("data-touched");
  });
}

// When it listens

let hiding = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) {
    hiding = setTimeout(() => {
      close();
      clearTimeout(again);
    }, HIDDEN_MS);
  } else {
    if (!source) heard = Math.max(heard, Date.now() - STALE_MS + 3000); // it did not listen: time to hear again
    tries = 0;
    open();
    show();
  }
});
addEventListener("online", () => {
  tries = 0;
  open();
  show();
});
addEventListener("offline", show);
addEventListener("pagehide", close);
addEventListener("pageshow", (event) => event.persisted && open());
setInterval(() => document.hidden || show(), EVERY_MS);

if (meta("stream")) open();
show();
