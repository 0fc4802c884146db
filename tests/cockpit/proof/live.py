"""What a live picture shows, as the browser has it: its pixels, their number, and the boxes over them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from playwright.sync_api import Page

from sightline.frame import Image
from sightline.result import Detection
from sightline.scene import Scene
from sightline.scene.mark import read_mark

APART = 12
"""Pixels between two things that a model of differences tells apart."""
SMALLEST = 15
LOOK = """
async (element) => {
  const video = element.shadowRoot.querySelector("video");
  const canvas = element.shadowRoot.querySelector("canvas");
  const copy = new OffscreenCanvas(1, 1);
  const deadline = Date.now() + 20000;
  for (;;) {
    const meta = await new Promise((shown, late) => {
      setTimeout(() => late(new Error("no picture was shown for 20 s")), deadline - Date.now());
      video.requestVideoFrameCallback((now, meta) => {
        copy.width = video.videoWidth;
        copy.height = video.videoHeight;
        copy.getContext("2d").drawImage(video, 0, 0);
        shown(meta);
      });
    });
    await new Promise((done) => setTimeout(done)); // the page's own turn with this picture
    if (element.shown?.media_s !== meta.mediaTime) continue; // it was shown a moment before the page is ready
    const { boxes, shown } = element;
    const drawn = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let inked = 0;
    for (let at = 3; at < drawn.length; at += 4) inked += drawn[at] > 0;
    const bytes = new Uint8Array(await (await copy.convertToBlob()).arrayBuffer());
    const png = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    return { png, boxes, shown, inked: inked / (drawn.length / 4), words: canvas.getAttribute("aria-label") };
  }
}
"""


class Seen(NamedTuple):
    """One picture as it stood on the page.

    Attributes:
        image: what the video showed.
        boxes: what the page drew over it.
        off_s: how far those are from its time; None: there are none.
        inked: the share of the canvas that is drawn on.
        words: what the canvas says to who does not see it.
    """

    image: Image
    boxes: list[dict[str, Any]]
    off_s: float | None
    inked: float
    words: str

    @property
    def number(self) -> int | None:
        """The picture's own, which stands in its pixels."""
        mark = read_mark(self.image)
        return None if mark is None else mark.frame


def look(page: Page) -> Seen:
    """The next picture that is shown."""
    found = page.locator("sightline-live").evaluate(LOOK)
    raw = np.frombuffer(base64.b64decode(found["png"]), np.uint8)
    image = cv2.imdecode(raw, cv2.IMREAD_COLOR)
    assert image is not None
    shown = found["shown"]
    off_s = abs(shown["media_s"] - shown["seen_s"][0]) if shown["seen_s"] else None
    return Seen(np.asarray(image, np.uint8), found["boxes"], off_s, found["inked"], found["words"])


def apart(scene: Scene, number: int) -> list[Detection]:
    """What of the truth a model of differences can tell: whole, in the picture, and touching nothing else."""
    truth = scene.truth(number)
    return [
        one
        for one in truth
        if float(one.attributes["visible"] or 0) > 0.9
        and min(one.x2 - one.x1, one.y2 - one.y1) >= SMALLEST
        and one.x1 > 1
        and one.x2 < scene.size.width - 1
        and not any(other is not one and _near(one, other) for other in truth)
    ]


def best(one: Detection, boxes: Sequence[dict[str, Any]]) -> float:
    """The intersection over union of a thing with the box that fits it best."""
    return max((_iou(one, box) for box in boxes), default=0.0)


def _near(one: Detection, other: Detection) -> bool:
    across = one.x1 - APART < other.x2 and other.x1 - APART < one.x2
    return across and one.y1 - APART < other.y2 and other.y1 - APART < one.y2


def _iou(one: Detection, box: dict[str, Any]) -> float:
    across = min(one.x2, box["x2"]) - max(one.x1, box["x1"])
    down = min(one.y2, box["y2"]) - max(one.y1, box["y1"])
    if across <= 0 or down <= 0:
        return 0.0
    both = across * down
    whole = (one.x2 - one.x1) * (one.y2 - one.y1) + (box["x2"] - box["x1"]) * (box["y2"] - box["y1"])
    return float(both / (whole - both))
