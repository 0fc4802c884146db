"""A file of DeepStream as a site file of Sightline: its cameras, its model, what becomes of results.

Promises: `import_file` gives a plain mapping that a site file takes, and a note for each thing in the file
that has no counterpart here or became something else; nothing is dropped silently. Logins of cameras become
variables of the environment, named in `variables`; they stand nowhere in what is given.

Deliberately not here: the check of the site, and writing it (`sightline deepstream import` does both). Of the
files that it names, those of nvinfer, nvmsgconv and the table of sources are read, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import Finding
from sightline.deepstream.importing.cameras import cameras_of
from sightline.deepstream.importing.model import STAND_IN, model_of
from sightline.deepstream.importing.sinks import sinks_of
from sightline.deepstream.importing.taken import Taking
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading.loading import load
from sightline.deepstream.refusal import Refused

_KINDS: Final = (Kind.APP, Kind.TEST_APP, Kind.NVINFER)
_LARGEST: Final = 16384
_STAND_IN_CAMERA: Final = {"camera": {"url": "synthetic://street"}}


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file.

    Attributes:
        site: the mapping of a site file.
        notes: what was not taken over, or became something else.
        variables: names in the environment that the site needs, and what each is.
    """

    site: dict[str, Any]
    notes: tuple[Finding, ...]
    variables: dict[str, str]


def import_file(path: Path, *, folder: Path | None = None) -> Imported:
    """The site of an application's file, of a test program's, or of one of nvinfer.

    Args:
        path: the file.
        folder: where the site file will be; paths in it are meant from there. The file's own when left out.

    Raises:
        Refused: it cannot be read, or is none of these.
    """
    file = load(path)
    kind = kind_of(file)
    if kind not in _KINDS:
        raise Refused(f"expected a file of {', '.join(_KINDS[:-1])} or {_KINDS[-1]}, got {kind}", path=path)
    taking = Taking(file, kind, (folder or path.parent).resolve())
    return _from_nvinfer(taking) if kind is Kind.NVINFER else _from_application(file, taking)


def _from_nvinfer(taking: Taking) -> Imported:
    """The model alone, with a camera that draws itself to try it with."""
    model = model_of(taking) or STAND_IN
    taking.warn("there are no cameras in a file of nvinfer: one that draws itself stands in")
    taking.tell_the_rest()
    site = {"cameras": dict(_STAND_IN_CAMERA), "workers": {"primary-gie": {"model": model}}}
    return Imported(site, taking.notes(), {})


def _from_application(file: ConfigFile, taking: Taking) -> Imported:
    cameras, variables = cameras_of(file, taking)
    if not cameras:
        taking.warn("no source is left: a camera that draws itself stands in")
        cameras = dict(_STAND_IN_CAMERA)
    worker = _worker(taking)
    taking.tell_the_rest()
    return Imported({"cameras": cameras, "workers": {"primary-gie": worker}}, taking.notes(), variables)


def _worker(taking: Taking) -> dict[str, Any]:
    worker: dict[str, Any] = {}
    if size := _size(taking):
        worker["size"] = size
    worker["model"] = _model(taking)
    if taking.is_on("tracker"):
        worker["track"] = True
        taking.note("[tracker] became Sightline's own tracker; its library and that one's file are not used")
        taking.done("tracker")
    if sinks := sinks_of(taking):
        worker["sinks"] = sinks
    return worker


def _size(taking: Taking) -> str | None:
    width, height = taking.number("streammux", "width"), taking.number("streammux", "height")
    if width is None or height is None:
        return None
    if not (2 <= width <= _LARGEST and 2 <= height <= _LARGEST):
        taking.warn(f"[streammux] {width:g}x{height:g} is no size of pictures", "streammux", "width")
        return None
    return f"{width:g}x{height:g}"


def _model(taking: Taking) -> dict[str, Any]:
    """The primary model, or what stands in for it."""
    if not taking.is_on("primary-gie"):
        taking.warn("there is no primary model: motion stands in its place")
        return STAND_IN
    interval = taking.number("primary-gie", "interval")
    if interval:
        told = f"{interval:g} of {interval + 1:g} pictures are passed over; here a worker's rate says so"
        taking.warn(f"[primary-gie] interval: {told}", "primary-gie", "interval")
    named = taking.text("primary-gie", "config-file") or taking.text("primary-gie", "config-file-path")
    if taking.number("primary-gie", "plugin-type"):
        taking.warn("[primary-gie] is not nvinfer: motion stands in its place", "primary-gie", "plugin-type")
        return STAND_IN
    found = taking.open(named, "primary-gie", "config-file", Kind.NVINFER)
    if found is None:
        taking.warn("[primary-gie] its model is not known: motion stands in its place", "primary-gie")
        return STAND_IN
    model = model_of(found) or STAND_IN
    found.tell_the_rest()
    taking.take_notes(found)
    return model
