"""The models of a site file, a class a kind, and tracking.

What an option may be is said by the class that takes it, in `sightline.detect`; here it stands once more,
with its description, so that a file can be checked, and completed by an editor, without opening anything.
Tests hold the two together.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from sightline.detect.onnx.options import Colour, Fit, HeadName
from sightline.site.section import PictureSize, Section, SitePath, Text, complete


def _import_path(text: str) -> str:
    if re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", text) is None:
        raise ValueError('expected "package.module:Class"')
    return text


class MotionModel(Section):
    """What moves before a background that is learnt, camera by camera (OpenCV MOG2)."""

    kind: Literal["motion"]
    min_area: float = Field(
        0.002, gt=0, le=1, description="The least area that moves, as a share of the picture."
    )
    sensitivity: float = Field(
        25.0,
        gt=0,
        description="How many variances a pixel must be away from its background; less sees more.",
    )
    history: int = Field(500, ge=2, description="Frames over which the background is learnt.")
    width: int = Field(320, ge=32, le=1920, description="Width of the copy worked on, in pixels.")


class HogModel(Section):
    """People who stand or walk upright (OpenCV's HOG detector)."""

    kind: Literal["hog"]
    min_person: float = Field(
        0.4,
        ge=0.05,
        le=1,
        description="Height of the smallest person to be found, as a share of the picture's; half of it "
        "takes four times as long.",
    )
    threshold: float = Field(
        0.3, description="The least weight (distance from the detector's boundary) of a person."
    )
    scale: float = Field(
        1.1, gt=1, le=2, description="Step between the sizes tried; nearer to 1 finds more and takes longer."
    )
    stride: Literal[4, 8, 16] = Field(8, description="Step of the window in pixels of the copy worked on.")
    nms: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Of two boxes that share more than this part of the smaller one, the better one stays.",
    )


class OnnxModel(Section):
    """A detector or classifier in a file of your own, on onnxruntime."""

    kind: Literal["onnx"]
    path: SitePath = Field(description="The ONNX file; from the site file's folder.")
    head: Literal["auto"] | HeadName = Field(
        "auto", description="The layout of its outputs, where the file does not tell."
    )
    labels: list[Text] | SitePath | None = Field(
        None,
        description="The names of its classes, or a file with one a line; from the metadata when left out.",
    )
    classes: list[Text] | None = Field(None, description="Which classes to tell; all when left out.")
    threshold: float = Field(0.25, ge=0, le=1, description="The least score of a detection.")
    nms: float = Field(
        0.45,
        gt=0,
        le=1,
        description="Of two boxes of a class whose intersection over union is more than this, the better one "
        "stays; for heads that leave this open.",
    )
    size: PictureSize | None = Field(
        None, description="WIDTHxHEIGHT of the model's input, where the file leaves it open."
    )
    fit: Literal["auto"] | Fit = Field(
        "auto",
        description="How a picture fits the input: with its shape kept and a border (letterbox), or "
        "stretched; auto keeps the shape for YOLO.",
    )
    mean: Colour = Field(
        (0.0, 0.0, 0.0), description="Taken off the colours: three numbers, R G B, in the scale of 0 to 1."
    )
    std: Colour = Field(
        (1.0, 1.0, 1.0), description="What the rest is divided by: three numbers, R G B, above 0."
    )
    providers: list[Text] | None = Field(
        None,
        description="What to run on, the best first: cuda, cpu; what the machine has when left out.",
    )
    threads: int | None = Field(
        None, ge=1, le=256, description="Threads of one operation on the CPU; one a core when left out."
    )


class PythonModel(Section):
    """A class of your own that keeps the promise of `sightline.detect.Model`.

    It is code, and runs with all rights of whoever starts the site.
    """

    kind: Literal["python"]
    class_: Annotated[str, AfterValidator(_import_path)] = Field(
        alias="class", description="Which: package.module:Class."
    )
    options: dict[str, Any] = Field({}, description="What the class is called with, as keyword arguments.")


class Tracking(Section):
    """Which detections are the same thing as before, camera by camera."""

    high: float = Field(0.5, description="The least score that begins a track.")
    low: float = Field(0.1, description="The least score that carries on a track; at most `high`.")
    match_iou: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="The least overlap (intersection over union) of where a thing is expected and where "
        "it is found.",
    )
    lost_s: float = Field(
        1.0,
        gt=0,
        le=3600,
        description="Seconds that a thing which is not seen is remembered: more than lie between "
        "two pictures.",
    )
    min_s: float = Field(
        0.0,
        ge=0,
        le=3600,
        description="Seconds that a thing must be seen before it gets an id; it must be seen twice anyway.",
    )
    same_label: bool = Field(
        True, description="Whether a thing keeps its label; else one of another label may be the same."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise complete(f"expected low to be at most high, {self.high:g}, got {self.low:g}")
        return self


Model: TypeAlias = Annotated[MotionModel | HogModel | OnnxModel | PythonModel, Field(discriminator="kind")]
