/* What models see, drawn over the picture that they saw it in, and told in words. */

const SAME_S = 0.004; /* times that are one */
const MOST_SEEN = 600; /* of a model: more seconds than a picture is ever behind its boxes */
const COLOURS = ["#1b6ec2", "#b5400a", "#14784a", "#8a3ab9", "#a3155a", "#6b5d00"];

/** What was seen, by model and time. */
export class Seen {
  #models = new Map();

  add(seen) {
    const of = this.#models.get(seen.model) ?? [];
    of.push(seen);
    of.sort((a, b) => a.media_s - b.media_s);
    if (of.length > MOST_SEEN) of.shift();
    this.#models.set(seen.model, of);
  }

  /** What is to be drawn on the picture of that time: of each model the newest that is not of a later one. */
  at(media_s) {
    const found = [];
    for (const of of this.#models.values()) {
      const at = of.findLastIndex((seen) => seen.media_s <= media_s + SAME_S);
      if (at >= 0 && media_s - of[at].media_s <= holds(of, at)) found.push(of[at]);
    }
    return found;
  }

  clear() {
    this.#models.clear();
  }
}

/** For how long: until the next is due. */
function holds(of, at) {
  const gap = at > 0 ? of[at].media_s - of[at - 1].media_s : 0.2;
  return Math.min(1.5, Math.max(0.2, 1.6 * gap));
}

/** One picture with its boxes over it, and what there is to say of both. */
export class Drawing {
  constructor(canvas) {
    this.canvas = canvas;
    this.boxes = [];
    this.shown = null;
    this.told = "";
  }

  draw(media_s, width, height, seen, still = null) {
    const { canvas } = this;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    if (still) pen.drawImage(still, 0, 0, width, height);
    this.boxes = seen.flatMap((one) => one.boxes.map((box) => scaled(box, width / one.width, height / one.height)));
    this.shown = { media_s, seen_s: seen.map((one) => one.media_s), width, height };
    for (const box of this.boxes) drawBox(pen, box, width, height);
  }

  clear() {
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.boxes = [];
    this.shown = null;
  }

  words() {
    const counts = new Map();
    for (const box of this.boxes) counts.set(box.label, (counts.get(box.label) ?? 0) + 1);
    return [...counts].sort().map(([label, count]) => `${count} ${several(label, count)}`).join(", ") || "nothing seen";
  }
}

function several(label, count) {
  if (count === 1) return label;
  return label === "person" ? "people" : /(s|x|ch)$/.test(label) ? `${label}es` : `${label}s`;
}

function scaled(box, x, y) {
  return { ...box, x1: box.x1 * x, x2: box.x2 * x, y1: box.y1 * y, y2: box.y2 * y };
}

function colourOf(label) {
  let sum = 0;
  for (const letter of label) sum = (sum * 31 + letter.codePointAt(0)) >>> 0;
  return COLOURS[sum % COLOURS.length];
}

function drawBox(pen, box, width, height) {
  const line = Math.max(2, height / 240), size = Math.max(11, height / 34);
  pen.lineWidth = line;
  pen.strokeStyle = pen.fillStyle = colourOf(box.label);
  pen.strokeRect(box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1);
  const track = box.track_id === null ? "" : ` #${box.track_id}`;
  const score = box.x2 - box.x1 < height / 8 ? "" : ` ${Math.round(box.score * 100)}%`;
  const words = `${box.label}${track}${score}`;
  pen.font = `${size}px system-ui, sans-serif`;
  const top = box.y1 >= size + 4 ? box.y1 - size - 4 : box.y1;
  const wide = pen.measureText(words).width + 8;
  const left = Math.max(0, Math.min(box.x1 - line / 2, width - wide));
  pen.fillRect(left, top, wide, size + 4);
  pen.fillStyle = "#fff";
  pen.textBaseline = "top";
  pen.fillText(words, left + 4, top + 2);
}
