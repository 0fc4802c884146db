"""The `onnx` model: frames in, an ONNX file run on them, boxes in pixels of the frames out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field

from sightline.detect.onnx import labels as naming
from sightline.detect.onnx.boxes import Asked, Boxes, best
from sightline.detect.onnx.feed import Feed
from sightline.detect.onnx.graph import Graph, opset_of
from sightline.detect.onnx.head import Found, find_head
from sightline.detect.onnx.options import Colour, Fit, HeadName
from sightline.detect.onnx.placement import Placement
from sightline.detect.onnx.providers import choose, short
from sightline.detect.onnx.session import Session, digest, runtime
from sightline.errors import Closed, ConfigError, ModelError
from sightline.frame import Frame, Image, Size
from sightline.kinds import nearest
from sightline.log import get_logger
from sightline.result import Detection

_LOG: Final = get_logger("sightline.detect")


@dataclass(frozen=True, slots=True)
class Description:
    """What a loaded file is, and how it is run.

    Attributes:
        path, version, bytes: the file, a short hash of it, and its size.
        opset, producer: the operators' version that it needs, and who exported it.
        graph: what goes in and out.
        head: the name of its head.
        models: which models are exported so.
        classes: how many; None where only its answers tell.
        labels: their names; empty where nobody gave any.
        size, fit, batch: of the input, how a picture is made to fit it, pictures of a run (None for any).
        providers: what it runs on, the first that can do an operation.
        available: what the installed onnxruntime could run on.
    """

    path: Path
    version: str
    bytes: int
    opset: int | None
    producer: str
    graph: Graph
    head: HeadName
    models: str
    classes: int | None
    labels: tuple[str, ...]
    size: Size
    fit: Fit
    batch: int | None
    providers: tuple[str, ...]
    available: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Loaded:
    session: Session
    feed: Feed
    found: Found
    fit: Fit
    labels: tuple[str, ...]
    version: str


class OnnxModel:
    """A detector or classifier of an ONNX file; results have the file's name, and a hash of it as version.

    Args:
        path: the file.
        head: the layout of its outputs, where shapes and metadata do not tell.
        labels: the names of its classes, or a file with one a line; from the metadata when left out.
        classes: which of them to tell; all when left out.
        threshold: the least score of a detection.
        nms: of two boxes of a class that share more than this part of both together, the better one stays.
            For heads that leave this open.
        size: of the input, where the file leaves it open.
        fit: how a picture is made to fit the input; `auto` does as the head says: YOLO keeps the shape.
        mean, std: taken off and divided by, R G B, in the scale of 0 to 1.
        providers: what to run on, the best first; what the machine has when left out.
        threads: of one operation on the CPU; one a core when left out.

    Raises:
        ConfigError: a setting cannot be.
        MissingExtra: onnxruntime is not installed.
    """

    def __init__(
        self,
        *,
        path: Path,
        head: Literal["auto"] | HeadName = "auto",
        labels: list[str] | Path | None = None,
        classes: list[str] | None = None,
        threshold: Annotated[float, Field(ge=0, le=1)] = 0.25,
        nms: Annotated[float, Field(gt=0, le=1)] = 0.45,
        size: Size | None = None,
        fit: Literal["auto"] | Fit = "auto",
        mean: Colour = (0.0, 0.0, 0.0),
        std: Colour = (1.0, 1.0, 1.0),
        providers: list[str] | None = None,
        threads: Annotated[int, Field(ge=1, le=256)] | None = None,
    ) -> None:
        if not all(part > 0 for part in std):
            raise ConfigError(f"std: expected three numbers above 0, got {std}")
        self._available: tuple[str, ...] = tuple(runtime().get_available_providers())
        self._providers = choose(providers, self._available)
        self._asked_for = providers
        self._path = path
        self._head = None if head == "auto" else head
        self._labels = labels
        self._classes = classes
        self._threshold = threshold
        self._nms = nms
        self._size = size
        self._fit = None if fit == "auto" else fit
        self._mean = mean
        self._std = std
        self._threads = threads
        self._loaded: _Loaded | None = None

    @property
    def name(self) -> str:
        return self._path.stem or "onnx"

    @property
    def version(self) -> str:
        """A short hash of the file; `unread` before it is loaded."""
        return self._loaded.version if self._loaded else "unread"

    def load(self) -> None:
        """Read the file and find its head. Raises ModelError."""
        session = Session(self._path, self._providers, self._threads)
        self._check_providers(session)
        feed = Feed.of(session.graph, self._size)
        told = naming.labels_in(session.graph.metadata) if self._labels is None else None
        found = find_head(session.graph, feed.size, labels=len(told) if told else None, wanted=self._head)
        labels = self._named(told, found.classes)
        self._check_classes(labels, found.classes)
        self._loaded = _Loaded(session, feed, found, self._fit or found.head.fit, labels, digest(self._path))
        _LOG.info(
            "model loaded",
            model=self.name,
            version=self.version,
            head=found.name,
            size=str(feed.size),
            providers=[short(name) for name in session.providers],
        )

    def warm_up(self) -> None:
        """One grey picture."""
        size = self._ready().feed.size
        self._boxes([np.full((size.height, size.width, 3), 114, np.uint8)])

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        """What is in each frame, the best first. Raises Closed before `load` and after `close`."""
        loaded = self._ready()
        placed = [Placement.of(loaded.fit, frame.size, loaded.feed.size) for frame in frames]
        drawn = [placement.draw(frame.image) for placement, frame in zip(placed, frames, strict=True)]
        found = self._boxes(drawn)
        return [self._told(boxes, placement) for boxes, placement in zip(found, placed, strict=True)]

    def close(self) -> None:
        self._loaded = None

    def describe(self) -> Description:
        """What was loaded. Raises Closed before `load` and after `close`."""
        loaded = self._ready()
        return Description(
            path=self._path,
            version=loaded.version,
            bytes=self._path.stat().st_size,
            opset=opset_of(self._path),
            producer=loaded.session.producer,
            graph=loaded.session.graph,
            head=loaded.found.name,
            models=loaded.found.head.models,
            classes=loaded.found.classes,
            labels=loaded.labels,
            size=loaded.feed.size,
            fit=loaded.fit,
            batch=loaded.feed.batch,
            providers=tuple(map(short, loaded.session.providers)),
            available=tuple(map(short, self._available)),
        )

    def _ready(self) -> _Loaded:
        if self._loaded is None:
            raise Closed(f"the onnx model {self.name} is not loaded")
        return self._loaded

    def _boxes(self, drawn: list[Image]) -> list[Boxes]:
        """Of each picture of the input's size, in pixels of the input."""
        return [boxes for run in self._ready().feed.runs(len(drawn)) for boxes in self._run(drawn[run])]

    def _run(self, drawn: list[Image]) -> Iterator[Boxes]:
        loaded = self._ready()
        inputs = loaded.feed.inputs(drawn, self._mean, self._std)
        outputs = loaded.session.run(loaded.found.outputs, inputs)
        head, asked = loaded.found.head, Asked(loaded.feed.size, len(drawn), self._threshold)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is left out
            decoded = head.decode(outputs, asked)
        # Of a batch that was filled up the rest is of no picture.
        return (best(boxes, self._nms if head.overlaps else None) for boxes in decoded[: len(drawn)])

    def _told(self, boxes: Boxes, placement: Placement) -> tuple[Detection, ...]:
        """Detections within the frame; none where nothing of a box is in it, or its class is not wanted."""
        corners = placement.to_frame(boxes.xyxy.astype(np.float64))
        corners[:, 0::2] = corners[:, 0::2].clip(0, placement.frame.width)
        corners[:, 1::2] = corners[:, 1::2].clip(0, placement.frame.height)
        told = (
            Detection(label=self._label(kind), score=score, x1=x1, y1=y1, x2=x2, y2=y2)
            for (x1, y1, x2, y2), score, kind in zip(
                corners.tolist(), boxes.scores.tolist(), boxes.classes.tolist(), strict=True
            )
            if x2 > x1 and y2 > y1
        )
        return tuple(one for one in told if self._classes is None or one.label in self._classes)

    def _label(self, kind: int) -> str:
        labels = self._ready().labels
        if not labels:
            return str(kind)
        if not 0 <= kind < len(labels):
            raise ModelError(f"{self._path}: a box of class {kind}, but labels for {len(labels)}, from 0")
        return labels[kind]

    def _named(self, told: tuple[str, ...] | None, classes: int | None) -> tuple[str, ...]:
        if self._labels is None:
            return naming.checked(told, classes, "the metadata") if told else ()
        if isinstance(self._labels, Path):
            return naming.checked(naming.labels_from(self._labels), classes, str(self._labels))
        return naming.checked(self._labels, classes, "the settings")

    def _check_classes(self, labels: tuple[str, ...], classes: int | None) -> None:
        known = labels or tuple(map(str, range(classes or 0)))
        for name in self._classes or ():
            if known and name not in known:
                some = ", ".join(known[:10]) + (" ..." if len(known) > 10 else "")
                raise ModelError(f"classes: no class {name!r}{nearest(name, known)} (known: {some})")

    def _check_providers(self, session: Session) -> None:
        """A provider whose libraries are missing is silently left out by onnxruntime."""
        lacking = [short(name) for name in self._providers if name not in session.providers]
        if not lacking:
            return
        if self._asked_for is not None:
            raise ModelError(
                f"providers: {', '.join(lacking)} cannot be used here: its libraries are missing"
            )
        _LOG.warning("provider left out: its libraries are missing", model=self.name, providers=lacking)
