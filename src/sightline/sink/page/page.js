// Shows what /status.json says once a second, and the pictures of one /stream.mjpeg for all cameras in view.
// Camera names and labels are set as text, never as HTML.

const STATUS_MS = 1000;
const QUIET_S = 3; // a camera that has given nothing for so long is said to be quiet
const TONES = { live: "good", done: "good", idle: "wait", connecting: "wait", stalled: "bad", backing_off: "bad", disabled: "" };

const PROCESS_TONES = { running: "good", quarantined: "bad", ended: "" };

const token = new URLSearchParams(location.search).get("token");
const headers = token ? { Authorization: `Bearer ${token}` } : {};
const byId = (id) => document.getElementById(id);
const tiles = new Map();
const inView = new Set();

// ---- numbers

async function poll() {
  try {
    const answer = await fetch("status.json", { headers, signal: AbortSignal.timeout(3000) });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    gone(error);
  }
  setTimeout(poll, STATUS_MS);
}

let answeredAt = performance.now();

function show(status) {
  answeredAt = performance.now();
  const cameras = Object.entries(status.cameras).sort(([a], [b]) => a.localeCompare(b, undefined, { numeric: true }));
  for (const [name, facts] of cameras) showCamera(tileOf(name), facts);
  for (const name of tiles.keys()) if (!(name in status.cameras)) remove(name);
  const rate = cameras.reduce((sum, [, facts]) => sum + (facts.result_fps ?? 0), 0);
  byId("summary").textContent = cameras.length ? `${count(cameras.length, "camera")}, ${rate.toFixed(1)} results/s` : "";
  byId("empty").hidden = cameras.length > 0;
  showProcesses(status.processes ?? {});
  link(status.fault ? `status: ${status.fault}` : "live", status.fault ? "bad" : "good");
  document.body.classList.remove("gone");
}

function showProcesses(processes) {
  byId("processes").replaceChildren(...Object.entries(processes).map(([name, facts]) => {
    const line = document.createElement("li");
    const dot = document.createElement("span");
    dot.className = `dot ${PROCESS_TONES[facts.state] ?? "wait"}`;
    line.append(dot, [name, facts.pid, facts.state, facts.ends && `ended ${count(facts.ends, "time")}`, facts.reason].filter(Boolean).join(", "));
    return line;
  }));
}

function gone(error) {
  const seconds = Math.round((performance.now() - answeredAt) / 1000);
  const why = error.message.startsWith("the server answered") ? error.message : "no answer from the server";
  link(`${why}; these pictures are ${seconds} s old`, "bad");
  document.body.classList.add("gone");
}

function link(text, tone) {
  byId("link").textContent = text;
  byId("link").className = tone;
}

function showCamera(tile, facts) {
  const quiet = facts.quiet_s === undefined || facts.quiet_s > QUIET_S;
  const state = facts.state ?? (quiet ? "stalled" : "live");
  tile.classList.toggle("quiet", quiet && state !== "done");
  tile.dot.className = `dot ${quiet && state === "live" ? "wait" : TONES[state] ?? "wait"}`;
  tile.state.textContent = state.replaceAll("_", " ");
  tile.note.textContent = facts.quiet_s === undefined ? "no picture yet" : `no result for ${span(facts.quiet_s)}`;
  tile.fps.textContent = (facts.result_fps ?? 0).toFixed(1) + (facts.fps ? ` of ${facts.fps.toFixed(1)}` : "");
  tile.age.textContent = facts.age_s === undefined ? "–" : span(facts.age_s);
  tile.seen.textContent = listed(facts.labels ?? {}) || "nothing";
  tile.reason.textContent = [facts.reason, facts.detect?.reason].filter(Boolean).join("; ");
  const losses = [["not on the bus", facts.unsent], ["dropped", facts.dropped]].map(([what, counts]) => [what, listed(counts ?? {})]);
  tile.dropped.textContent = losses.filter(([, text]) => text).map(([what, text]) => `${what}: ${text}`).join("; ");
}

const listed = (counts) => Object.entries(counts).filter(([, n]) => n).map(([name, n]) => `${n} ${name.replaceAll("_", " ")}`).join(", ");
const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
const span = (s) => (s < 10 ? `${s.toFixed(1)} s` : s < 120 ? `${Math.round(s)} s` : `${Math.round(s / 60)} min`);

// ---- tiles

function tileOf(name) {
  if (tiles.has(name)) return tiles.get(name);
  const tile = byId("tile").content.cloneNode(true).firstElementChild;
  for (const part of ["dot", "state", "note", "fps", "age", "seen", "reason", "dropped"]) tile[part] = tile.querySelector(`.${part}`);
  tile.img = tile.querySelector("img");
  tile.img.alt = `newest picture of ${name}`;
  tile.querySelector(".name").textContent = tile.dataset.camera = name;
  tiles.set(name, tile);
  byId("tiles").append(...[...tiles.values()].sort((a, b) => a.dataset.camera.localeCompare(b.dataset.camera, undefined, { numeric: true })));
  watcher.observe(tile);
  return tile;
}

function remove(name) {
  watcher.unobserve(tiles.get(name));
  tiles.get(name).remove();
  tiles.delete(name);
  if (inView.delete(name)) follow();
}

// Only cameras in view are asked for: what nobody sees is not drawn.
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) inView[isIntersecting ? "add" : "delete"](target.dataset.camera);
  follow();
});
document.addEventListener("visibilitychange", () => follow());

// ---- pictures

let stream = { asked: "", end: new AbortController() };
let followSoon;

function follow() {
  clearTimeout(followSoon);
  followSoon = setTimeout(() => {
    const asked = document.hidden ? "" : [...inView].sort().map((name) => `camera=${encodeURIComponent(name)}`).join("&");
    if (asked === stream.asked) return;
    stream.end.abort();
    stream = { asked, end: new AbortController() };
    if (asked) play(stream);
  }, 150);
}

async function play(mine) {
  while (mine === stream) {
    try {
      const answer = await fetch(`stream.mjpeg?${mine.asked}`, { headers, signal: mine.end.signal });
      for await (const { camera, jpeg } of parts(answer.body.getReader())) put(tiles.get(camera), jpeg);
    } catch { /* ended, or the server went away: the numbers say so */ }
    await new Promise((resume) => setTimeout(resume, STATUS_MS));
  }
}

async function* parts(reader) {
  let held = new Uint8Array(0);
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    held = joined(held, chunk.value);
    for (let found = firstPart(held); found; found = firstPart(held)) {
      yield found;
      held = held.slice(found.end);
    }
  }
}

function firstPart(bytes) {
  const start = endOfHead(bytes);
  if (start < 0) return null;
  const head = new TextDecoder().decode(bytes.subarray(0, start));
  const end = start + Number(/content-length: *(\d+)/i.exec(head)[1]);
  if (end > bytes.length) return null;
  return { camera: decodeURIComponent(/x-camera: *(\S*)/i.exec(head)[1]), jpeg: bytes.slice(start, end), end };
}

function endOfHead(bytes) {
  for (let at = bytes.indexOf(13); at >= 0; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at + 4;
  }
  return -1;
}

function joined(a, b) {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

// A picture that comes while the one before is still being decoded waits; of several the newest does.
function put(tile, jpeg) {
  if (!tile) return;
  tile.waiting = jpeg;
  if (!tile.busy) swap(tile);
}

function swap(tile) {
  const address = URL.createObjectURL(new Blob([tile.waiting], { type: "image/jpeg" }));
  tile.waiting = null;
  tile.busy = true;
  tile.img.onload = tile.img.onerror = ({ type }) => {
    URL.revokeObjectURL(address);
    tile.busy = false;
    if (type === "load") tile.img.hidden = false;
    if (tile.waiting) swap(tile);
  };
  tile.img.src = address;
}

poll();
