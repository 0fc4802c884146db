/* Segments of fragmented MP4 in a video element, played so far behind what came as is asked for.
 *
 * It goes on over holes, keeps to the delay by playing a little faster or slower, and forgets what was shown.
 */

export const MOST_DELAY_S = 1.5;
const FIRST_DELAY_S = 0.7;
const AHEAD_S = 0.2; /* what is there to be shown, at the least, just before more comes */
const LEAD_S = 0.08; /* before its picture is shown a box is there */
const WINDOW_MS = 3000;
const KEPT_S = 20; /* of the picture, behind what is shown */

/** The browser does not play this. */
export class Unplayable extends Error {}

/** Plays segments in a video element. */
export class Player {
  #video;
  #source = null;
  #buffer = null;
  #type = "";
  #waiting = [];
  #offset = 0;
  #aheads = [];
  #leads = [];

  constructor(video) {
    this.#video = video;
  }

  get end_s() {
    const ranges = this.#buffer?.buffered;
    return ranges?.length ? ranges.end(ranges.length - 1) : null;
  }

  async head(head) {
    const Source = window.ManagedMediaSource ?? window.MediaSource;
    const type = `video/mp4; codecs="${head.codec}"`;
    if (!head.codec || !Source?.isTypeSupported(type)) throw new Unplayable(head.codec || "unknown");
    if (!this.#source) await this.#open(Source, type);
    this.#put(() => {
      if (type !== this.#type) this.#buffer.changeType(type);
      this.#type = type;
      this.#offset = head.offset_s;
    });
  }

  append(data) {
    const own = data.slice();
    this.#put(() => {
      this.#buffer.timestampOffset = this.#offset;
      this.#buffer.appendBuffer(own);
    });
  }

  async #open(Source, type) {
    this.#source = new Source();
    this.#video.disableRemotePlayback = true;
    this.#video.src = URL.createObjectURL(this.#source);
    await new Promise((opened) => this.#source.addEventListener("sourceopen", opened, { once: true }));
    URL.revokeObjectURL(this.#video.src);
    this.#buffer = this.#source.addSourceBuffer(type);
    this.#type = type;
    this.#buffer.addEventListener("updateend", () => this.#go_on());
  }

  #put(act) {
    this.#waiting.push(act);
    if (this.#waiting.length > 400) throw new Error("the browser does not keep up");
    this.#go_on();
  }

  #go_on() {
    while (this.#buffer && !this.#buffer.updating && this.#waiting.length && this.#source.readyState === "open") {
      const act = this.#waiting[0];
      try {
        act();
      } catch (error) {
        if (error.name !== "QuotaExceededError" || !this.#trim(2)) throw error;
        return;
      }
      this.#waiting.shift();
    }
    if (this.#buffer && !this.#buffer.updating) this.#trim(KEPT_S);
  }

  /** Whether something goes that was shown more than so long ago. */
  #trim(kept_s) {
    const ranges = this.#buffer.buffered, until = this.#video.currentTime - kept_s;
    if (!ranges.length || ranges.start(0) > until - (kept_s > 2 ? 5 : 0)) return false;
    this.#buffer.remove(0, until);
    return true;
  }

  /** Boxes came of the picture of that time: late, where that was shown already. */
  heard(media_s) {
    this.#leads.push({ at: performance.now(), of: media_s - this.#video.currentTime });
    forget(this.#leads);
  }

  /** Four times a second: be so far behind what came that it goes on evenly and boxes are there, and no further. */
  keep() {
    const end = this.end_s, video = this.#video;
    if (end === null) return;
    if (video.paused) video.play().catch(() => {});
    this.#aheads.push({ at: performance.now(), of: end - video.currentTime });
    const ahead = least(this.#aheads), lead = least(this.#leads);
    const start = this.#buffer.buffered.start(this.#buffer.buffered.length - 1);
    if (this.#is_stuck(end) || ahead > MOST_DELAY_S + 0.5) {
      video.currentTime = Math.max(end - FIRST_DELAY_S, start);
      this.#aheads = [];
      this.#leads = [];
      return;
    }
    const off = Math.max(Math.min(ahead - AHEAD_S, lead - LEAD_S), ahead - (MOST_DELAY_S - 0.4));
    video.playbackRate = Math.abs(off) < 0.06 ? 1 : 1 + Math.min(0.1, Math.max(-0.15, off * 0.4));
  }

  /** Whether it stands before a hole that what is wanted lies behind. */
  #is_stuck(end) {
    const ranges = this.#buffer.buffered, now = this.#video.currentTime;
    if (this.#video.readyState > 2) return false;
    for (let at = 0; at < ranges.length; at++) {
      if (ranges.start(at) <= now + 0.05 && now < ranges.end(at) - 0.05) return false;
    }
    return end > now + 0.05;
  }

  close() {
    this.#waiting = [];
    this.#buffer = this.#source = null;
    this.#video.removeAttribute("src");
    this.#video.load();
  }
}

/** The least of late. */
function least(samples) {
  forget(samples);
  return samples.reduce((lowest, one) => Math.min(lowest, one.of), Infinity);
}

function forget(samples) {
  const since = performance.now() - WINDOW_MS;
  while (samples.length && samples[0].at < since) samples.shift();
}
