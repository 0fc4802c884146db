/* The live picture of a camera with what models see in it: <sightline-live camera="gate"></sightline-live>.
 *
 * One answer of the API is read for as long as the element is there and its page is looked at: fragmented MP4 for
 * Media Source Extensions, boxes with the time of the very picture that they were seen in, and how the camera is.
 * The picture plays so far behind that its boxes are there when it is shown, and no more than a second and a half.
 * Browsers that do not play the camera's codec get two JPEGs a second. What is wrong is said in words, and tried
 * again by itself.
 *
 * Nothing is loaded from elsewhere; all styles are made here, as a page's policy may forbid those in its text.
 */

import { Drawing, Seen } from "./live_drawing.js";
import { Player, Unplayable } from "./live_player.js";

const HEAD = 0, INIT = 1, MEDIA = 2, BOXES = 3, NOTE = 4, JPEG = 5;
const SILENT_MS = 6000;          /* a note comes every two seconds */
const FIRST_AGAIN_MS = 500, MOST_AGAIN_MS = 10000, REFUSED_AGAIN_MS = 30000;
const STILL_DELAY_MS = 700;

const SHEET = new CSSStyleSheet();
SHEET.replaceSync(`
  :host { display: block; }
  .frame { display: grid; background: #0b0d10; border-radius: 6px; overflow: hidden; aspect-ratio: 16 / 9; }
  video, canvas { grid-area: 1 / 1; width: 100%; height: 100%; min-height: 0; object-fit: contain; }
  canvas { pointer-events: none; }
  :host([state="gone"]) video, :host([state="lost"]) video, :host([state="no_video"]) video { opacity: 0.35; }
  .note { margin: 0.4em 0 0; min-height: 1.4em; font-size: 0.95em; }
`);

class Refused extends Error {}

/** Bytes go in as they come, frames come out. */
class Frames {
  #held = new Uint8Array(0);

  *add(chunk) {
    const all = new Uint8Array(this.#held.length + chunk.length);
    all.set(this.#held);
    all.set(chunk, this.#held.length);
    const view = new DataView(all.buffer);
    let at = 0;
    while (all.length - at >= 5 && all.length - at >= 5 + view.getUint32(at + 1)) {
      const end = at + 5 + view.getUint32(at + 1);
      yield [all[at], all.subarray(at + 5, end)];
      at = end;
    }
    this.#held = all.slice(at);
  }
}

/** A camera in an element, until it is closed. */
class Live {
  #element; #camera; #address; #video; #canvas; #note; #drawing;
  #player = null;
  #seen = new Seen();
  #closing = new AbortController();
  #request = null;
  #stills = false;
  #told = "";
  #timer = 0;

  constructor(element, camera, address) {
    this.#element = element;
    this.#camera = camera;
    this.#address = address ?? `/api/v1/cameras/${encodeURIComponent(camera)}/live`;
    this.#build();
    this.#drawing = new Drawing(this.#canvas);
    this.#follow();
    this.#timer = setInterval(() => this.#tick(), 250);
    document.addEventListener("visibilitychange", () => this.#request?.abort(), { signal: this.#closing.signal });
    this.#run();
  }

  get boxes() { return this.#drawing.boxes; }
  get shown() { return this.#drawing.shown; }
  get delay_s() { return this.#player?.end_s ? this.#player.end_s - this.#video.currentTime : null; }

  close() {
    this.#closing.abort();
    this.#request?.abort();
    clearInterval(this.#timer);
    this.#player?.close();
  }

  #build() {
    const root = this.#element.shadowRoot ?? this.#element.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [SHEET];
    const frame = document.createElement("div");
    frame.className = "frame";
    this.#video = document.createElement("video");
    Object.assign(this.#video, { muted: true, playsInline: true, tabIndex: -1 });
    this.#video.setAttribute("aria-hidden", "true");
    this.#canvas = document.createElement("canvas");
    this.#canvas.setAttribute("role", "img");
    this.#canvas.setAttribute("aria-label", `Live picture of ${this.#camera}`);
    this.#note = document.createElement("p");
    this.#note.className = "note";
    this.#note.setAttribute("role", "status");
    frame.append(this.#video, this.#canvas);
    root.replaceChildren(frame, this.#note);
  }

  // What comes

  async #run() {
    let again_ms = FIRST_AGAIN_MS;
    while (!this.#closing.signal.aborted) {
      if (document.hidden) await this.#until_looked_at();
      let wait_ms = again_ms;
      try {
        this.#say("connecting", "Connecting…");
        await this.#read(() => { again_ms = FIRST_AGAIN_MS; wait_ms = FIRST_AGAIN_MS; });
        this.#say("lost", "The coordinator ended the picture.");
      } catch (error) {
        if (this.#closing.signal.aborted) break;
        if (error instanceof Unplayable) {
          this.#stills = true;
          wait_ms = 0;
        } else {
          if (error instanceof Refused) wait_ms = REFUSED_AGAIN_MS;
          this.#say("lost", error instanceof Refused ? error.message : "The connection was lost. Trying again.");
        }
      } finally {
        this.#player?.close();
        this.#player = null;
        this.#seen.clear();
      }
      if (!document.hidden) await this.#rest(wait_ms * (0.75 + Math.random() / 2));
      again_ms = Math.min(2 * again_ms, MOST_AGAIN_MS);
    }
  }

  async #read(came) {
    this.#request = new AbortController();
    let silent = setTimeout(() => this.#request.abort(), SILENT_MS);
    try {
      const address = `${this.#address}${this.#stills ? "?as=jpeg" : ""}`;
      const answer = await fetch(address, { cache: "no-store", signal: this.#request.signal });
      if (!answer.ok) throw await refusal(answer);
      const frames = new Frames(), reader = answer.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(silent);
        silent = setTimeout(() => this.#request.abort(), SILENT_MS);
        for (const [kind, payload] of frames.add(value)) await this.#take(kind, payload, came);
      }
    } finally {
      clearTimeout(silent);
      this.#request.abort();
    }
  }

  async #take(kind, payload, came) {
    if (kind === HEAD) {
      this.#player ??= new Player(this.#video);
      await this.#player.head(json(payload));
    } else if (kind === INIT || kind === MEDIA) {
      this.#player.append(payload);
    } else if (kind === BOXES) {
      this.#box(json(payload));
    } else if (kind === NOTE) {
      came();
      this.#hear(json(payload));
    } else if (kind === JPEG) {
      this.#still(payload);
    }
  }

  #box(seen) {
    this.#seen.add(seen);
    this.#player?.heard(seen.media_s);
  }

  #hear({ state, why }) {
    const words = { live: "Live", waiting: "Waiting for the first picture", gone: "No picture", no_video: "No picture can be shown" };
    if (state === "gone" || state === "no_video") this.#drawing.clear();
    this.#say(state, why ? `${words[state]}: ${why}` : words[state]);
  }

  async #still(payload) {
    const media_s = new DataView(payload.buffer, payload.byteOffset).getFloat64(0);
    const picture = await createImageBitmap(new Blob([payload.slice(8)], { type: "image/jpeg" })).catch(() => null);
    if (!picture) return;
    setTimeout(() => {
      if (!this.#closing.signal.aborted && this.#stills) {
        this.#drawing.draw(media_s, picture.width, picture.height, this.#seen.at(media_s), picture);
      }
      picture.close();
    }, STILL_DELAY_MS);
  }

  // What is shown

  #follow() {
    const video = this.#video;
    const draw = (media_s) => {
      if (this.#closing.signal.aborted) return;
      if (this.#player && video.videoWidth && this.#element.getAttribute("state") === "live") {
        this.#drawing.draw(media_s, video.videoWidth, video.videoHeight, this.#seen.at(media_s));
      }
      next();
    };
    const next = video.requestVideoFrameCallback
      ? () => video.requestVideoFrameCallback((_now, frame) => draw(frame.mediaTime))
      : () => requestAnimationFrame(() => draw(video.currentTime));
    next();
  }

  #tick() {
    this.#player?.keep();
    const words = `Live picture of ${this.#camera}: ${this.#drawing.shown ? this.#drawing.words() : "no picture"}`;
    if (this.#canvas.getAttribute("aria-label") !== words) this.#canvas.setAttribute("aria-label", words);
  }

  #say(state, words) {
    if (this.#told === `${state} ${words}`) return;
    this.#told = `${state} ${words}`;
    if (state === "lost") this.#drawing.clear();
    this.#element.setAttribute("state", state);
    this.#note.textContent = words;
    this.#element.dispatchEvent(new CustomEvent("live-state", { detail: { state, words }, bubbles: true }));
  }

  // Waiting

  #rest(ms) {
    const { signal } = this.#closing;
    return new Promise((rested) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        rested();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
    });
  }

  #until_looked_at() {
    this.#say("resting", "Resting while nobody looks.");
    const { signal } = this.#closing;
    return new Promise((looked) => {
      const look = () => {
        if (document.hidden && !signal.aborted) return;
        document.removeEventListener("visibilitychange", look);
        signal.removeEventListener("abort", look);
        looked();
      };
      document.addEventListener("visibilitychange", look);
      signal.addEventListener("abort", look);
    });
  }
}

function json(payload) {
  return JSON.parse(new TextDecoder().decode(payload));
}

async function refusal(answer) {
  if (answer.status >= 500) return new Error("the coordinator is busy");
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 401) return new Refused("You are logged out: log in again to see the picture.");
  return new Refused(`The picture was refused: ${said.detail ?? answer.statusText}`);
}

/** Show the camera in `element`, until `close` of what this gives is called. */
export function mount(element, camera, address) {
  return new Live(element, camera, address);
}

class SightlineLive extends HTMLElement {
  static observedAttributes = ["camera", "src"];
  #live = null;

  connectedCallback() { this.#begin(); }
  disconnectedCallback() { this.#end(); }
  attributeChangedCallback(_name, before, after) { if (this.#live && before !== after) this.#begin(); }

  /** Boxes that were drawn last, in pixels of the picture: x1, y1, x2, y2, label, score, track_id. */
  get boxes() { return this.#live?.boxes ?? []; }
  /** The picture that they were drawn on: media_s, seen_s (times of the boxes), width, height; null: none. */
  get shown() { return this.#live?.shown ?? null; }
  /** Seconds that the picture is behind what came. */
  get delay_s() { return this.#live?.delay_s ?? null; }

  #begin() {
    this.#end();
    if (this.isConnected && this.hasAttribute("camera")) {
      this.#live = mount(this, this.getAttribute("camera"), this.getAttribute("src") ?? undefined);
    }
  }

  #end() {
    this.#live?.close();
    this.#live = null;
  }
}

customElements.define("sightline-live", SightlineLive);
