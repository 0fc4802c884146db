// A shared worker: one stream of news for all windows that listen; see news.js. A window says what it heard last, and
// is told what was new since then, or all where that is not known here any more. Without a window it does not listen.
// What becomes of a stream that ended is up to the windows: the next one that comes opens another.

const MOST_KEPT = 200;

const ports = new Set();
let source = null;
let floor = 0; // all news with a higher number are in `kept`
let newest = 0; // the highest number
let kept = [];

const tell = (message) => ports.forEach((port) => port.postMessage(message));

function open(address) {
  const stream = (source = new EventSource(`${address}?last=${newest || ""}`));
  const state = () => tell({ kind: "state", state: stream.readyState });
  stream.addEventListener("open", state);
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) source = null;
    state();
  });
  stream.addEventListener("still", () => tell({ kind: "still" }));
  stream.addEventListener("news", (event) => {
    newest = Number(event.lastEventId);
    kept.push({ number: newest, topics: JSON.parse(event.data).topics });
    if (kept.length > MOST_KEPT) floor = kept.shift().number;
    tell({ kind: "news", id: event.lastEventId, data: event.data });
  });
}

function join(port, { address, last }) {
  const number = Number(last) || 0;
  if (!ports.size) {
    newest = floor = number;
    kept = [];
  }
  ports.add(port);
  if (!source) open(address);
  else port.postMessage({ kind: "state", state: source.readyState });
  if (number >= newest) return; // what is newer is on its way
  const topics = number < floor ? null : [...new Set(kept.filter((one) => one.number > number).flatMap((one) => one.topics))];
  port.postMessage({ kind: "news", id: String(newest), data: JSON.stringify({ topics }) });
}

function leave(port) {
  ports.delete(port);
  if (ports.size) return;
  source?.close();
  source = null;
}

addEventListener("connect", ({ ports: [port] }) => {
  port.addEventListener("message", ({ data }) => (data === "leave" ? leave(port) : join(port, data)));
  port.addEventListener("close", () => leave(port)); // its window is gone, and said nothing
  port.start();
});
