"""The types of what a model is told, which site files name too."""

from __future__ import annotations

from typing import Literal, TypeAlias

Colour: TypeAlias = tuple[float, float, float]
Fit: TypeAlias = Literal["letterbox", "stretch"]
HeadName: TypeAlias = Literal[
    "yolov5",
    "yolov8",
    "yolov10",
    "yolo-nms-rows",
    "yolo-nms",
    "rtdetr",
    "rtdetr-logits",
    "rtdetr-boxes",
    "classifier",
]
