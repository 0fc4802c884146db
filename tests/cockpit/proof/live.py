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
  const video = element.querySelector("video") ?? element.shadowRoot?.querySelector("video");
  const meta = await new Promise((shown, late) => {
    setTimeout(() => late(new Error("no picture came within 10 s")), 10000);
    video.requestVideoFrameCallback((now, meta) => shown(meta));
  });
  const copy = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  copy.getContext("2d").drawImage(video, 0, 0);
  await new Promise((done) => setTimeout(done));
  const boxes = element.boxes;
  const blob = await copy.convertToBlob({ type: "image/png" });
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const png = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const canvas = element.querySelector("canvas") ?? element.shadowRoot?.querySelector("canvas");
  const drawn = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let inked = 0;
  for (let at = 3; at < drawn.length; at += 4) inked += drawn[at] > 0;
  return { png, boxes, media_s: meta.mediaTime, inked: inked / (drawn.length / 4), said: element.innerText };
}
"""


class Seen(NamedTuple):
    """One picture as it stood on the page.

    Attributes:
        image: what the video showed.
        boxes: what the page drew over it.
        inked: the share of the canvas that is drawn on.
        media_s: its time.
    """

    image: Image
    boxes: list[dict[str, Any]]
    inked: float
    media_s: float

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
    boxes = found["boxes"]
    boxes = boxes.get("boxes", []) if isinstance(boxes, dict) else boxes
    return Seen(np.asarray(image, np.uint8), list(boxes or []), found["inked"], found["media_s"])


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
