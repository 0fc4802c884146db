// News as an EventSource says them, by one connection for all windows of a browser (news_worker.js): it has six to a
// server without TLS, and each live picture takes one. Where there are no shared workers a window has its own.

let alone = typeof SharedWorker === "undefined";

export function listen(address, last) {
  if (!alone) {
    try {
      return new Shared(address, last);
    } catch {
      alone = true;
    }
  }
  return new EventSource(`${address}?last=${encodeURIComponent(last)}`);
}

class Shared extends EventTarget {
  readyState = EventSource.CONNECTING;
  #port;

  constructor(address, last) {
    super();
    const worker = new SharedWorker(new URL("./news_worker.js", import.meta.url), { name: "news" });
    worker.addEventListener("error", () => {
      alone = true;
      this.#is(EventSource.CLOSED);
    });
    this.#port = worker.port;
    this.#port.addEventListener("message", ({ data }) => this.#take(data));
    this.#port.start();
    this.#port.postMessage({ address, last });
  }

  close() {
    this.readyState = EventSource.CLOSED;
    this.#port.postMessage("leave");
    this.#port.close();
  }

  #is(state) {
    this.readyState = state;
    this.dispatchEvent(new Event(state === EventSource.OPEN ? "open" : "error"));
  }

  #take({ kind, state, id, data }) {
    if (kind === "state") this.#is(state);
    else this.dispatchEvent(new MessageEvent(kind, { data, lastEventId: id }));
  }
}
