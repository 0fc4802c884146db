"""The models and sinks of a site file, a class a kind.

What an option may be is said by the class that takes it, in `sightline.detect` and `sightline.sink`; here it
stands once more, with its description, so that a file can be checked, and completed by an editor, without
opening anything. Tests hold the two together.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, SecretStr, model_validator

from sightline.loopback import is_loopback
from sightline.site.section import Section, SitePath, Text, complete


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


class PythonModel(Section):
    """A class of your own that keeps the promise of `sightline.detect.Model`.

    It is code, and runs with all rights of whoever starts the site.
    """

    kind: Literal["python"]
    class_: Annotated[str, AfterValidator(_import_path)] = Field(
        alias="class", description="Which: package.module:Class."
    )
    options: dict[str, Any] = Field({}, description="What the class is called with, as keyword arguments.")


class JsonlSink(Section):
    """Every result as a line of JSON."""

    kind: Literal["jsonl"]
    path: SitePath = Field(description="The file that lines are added to; from the site file's folder.")


class PreviewSink(Section):
    """A page with the annotated pictures, moving."""

    kind: Literal["preview"]
    host: Text = Field(
        "127.0.0.1", description="The address to serve at; any but this machine's own needs a token."
    )
    port: int = Field(8765, ge=0, le=65535, description="The TCP port to serve at; 0 for any free one.")
    token: SecretStr | None = Field(
        None, min_length=8, description="What a visitor must know: ?token= or Authorization: Bearer."
    )
    max_fps: float = Field(10, gt=0, le=60, description="Pictures a second of one camera, at most.")
    max_width: int = Field(960, ge=64, le=4096, description="Width of a picture at most, in pixels.")
    quality: int = Field(80, ge=1, le=100, description="Quality of the JPEGs.")

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.token is None and not is_loopback(self.host):
            raise complete(
                'expected a token with a host that others can reach, such as token: "${PREVIEW_TOKEN}"'
            )
        return self


class ContactSheetSink(Section):
    """One PNG of annotated moments, spread over the run."""

    kind: Literal["contact_sheet"]
    path: SitePath = Field(description="The PNG file, replaced at the end; from the site file's folder.")
    columns: int = Field(4, ge=1, le=32, description="Moments of each camera.")
    tile_width: int = Field(320, ge=64, le=1920, description="Width of each picture in it, in pixels.")


Model: TypeAlias = Annotated[MotionModel | HogModel | PythonModel, Field(discriminator="kind")]
Sink: TypeAlias = Annotated[JsonlSink | PreviewSink | ContactSheetSink, Field(discriminator="kind")]
