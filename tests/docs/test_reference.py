"""The documentation names all that the code has, and nothing that it has not."""

import builtins
import inspect
import json
import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client import generate_latest
from tests.docs.snippets import ROOT
from tests.docs.test_links import PAGES
from tools.reference import refreshed

from sightline import Detection, Result, deepstream, errors, fakecam, routines, testing
from sightline.bus import Feature
from sightline.capture import Counts, State
from sightline.codec import DropReason
from sightline.detect.onnx import HEADS
from sightline.fakecam import Fault
from sightline.fakecam.script import NAMES
from sightline.framequeue import Ending, FrameFeed, Sweeper, Worker, open_queue, open_store
from sightline.framequeue.feeding_line import Drop
from sightline.framequeue.metrics import registry_of
from sightline.mux import CameraState, ControlStats, Reply
from sightline.mux.acts import BUILT_IN, SETTINGS
from sightline.mux.requests import ENVELOPE
from sightline.mux.schema import SCHEMAS
from sightline.overflow import BufferStats, Overflow, Reason
from sightline.packet import ClockSource
from sightline.pipe import Pipe, Policy, RoutineSettings, WireSettings
from sightline.pipe.counts.accounts import REASONS
from sightline.pipe.directory import EVERYBODYS
from sightline.pipe.event_names import UPDATE_FPS_EVENT_NAME
from sightline.scene import Encoding, Scene
from sightline.sink import csv_file, parquet
from sightline.sink.clip_file import ClipFileReport, ClipReport
from sightline.sink.cutter import Ended, Trigger
from sightline.sink.opening import SINKS
from sightline.site.frame_queue_sampling import Sampling
from sightline.wire import result_from_json


def rows(page: str, heading: str) -> dict[str, str]:
    """The first table below a heading: what stands in `code` in each first cell, and the second cell."""
    _, _, below = f"\n{(ROOT / 'docs' / page).read_text()}".partition(f"\n{heading}\n")
    table = re.search(r"^\|.*?\n\n", below, re.MULTILINE | re.DOTALL)
    assert table, f"{page} has a table below {heading!r}"
    cells = [line.split(" | ") for line in table[0].splitlines()[2:]]
    return {name: row[1] for row in cells for name in re.findall(r"`([^`]+)`", row[0])}


def names(page: str, heading: str) -> set[str]:
    return set(rows(page, heading))


def values(words: Iterable[str]) -> set[str]:
    return {str(word) for word in words}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_made_from_the_code_are_fresh(page: Path) -> None:
    assert refreshed(page.read_text()) == page.read_text(), "run: python -m tools.reference"


def test_every_reason_to_drop_is_explained() -> None:
    of_the_worker = {"undecodable", "model_failed"}
    assert names("pictures.md", "### Reasons") == values([*Reason, *DropReason]) | of_the_worker


def test_every_policy_of_a_buffer_is_explained() -> None:
    assert names("bus.md", "## When a reader is full") == values(Overflow)


def test_every_count_of_a_buffer_is_explained() -> None:
    assert names("bus.md", "## Counts") == {*BufferStats.__struct_fields__}


def test_every_state_of_a_camera_is_explained() -> None:
    assert names("cameras.md", "## States") == values(State)


def test_every_count_of_a_camera_is_explained() -> None:
    assert names("cameras.md", "## Counts") == {*Counts.__struct_fields__}


def test_every_source_of_time_is_explained() -> None:
    assert names("cameras.md", "## When a picture was taken") == {*get_args(ClockSource)}


def test_every_setting_of_a_drawn_street_is_explained() -> None:
    settings = {field.name for field in fields(Scene)} | {*Encoding.__annotations__} | {"frames"}
    assert names("cameras.md", "## Drawn streets") == settings


def test_every_fault_of_a_fake_camera_is_explained() -> None:
    assert {name.split()[0] for name in names("fakecam.md", "## Misbehaviour")} == {*NAMES}
    assert {text.split("(")[0].strip("`") for text in rows("fakecam.md", "## Misbehaviour").values()} == {
        kind.__name__ for kind in vars(fakecam).values() if isinstance(kind, type) and issubclass(kind, Fault)
    } - {"Fault"}


def test_every_field_of_a_result_is_explained() -> None:
    assert names("sinks.md", "### Fields of a line") == {"v", *Result.__struct_fields__}
    assert names("sinks.md", "### Fields of a detection") == {*Detection.__struct_fields__}


def test_every_field_of_a_clip_is_explained() -> None:
    assert names("sinks.md", "### Fields of a clip's report") == {*ClipReport.__struct_fields__}
    assert names("sinks.md", "### How a clip ends") == values(Ended)
    page = (ROOT / "docs/sinks.md").read_text()
    for name, kind in (("trigger", Trigger), ("files", ClipFileReport)):
        line = re.search(rf"^\| `{name}` \|.*$", page, re.MULTILINE)
        assert line
        assert set(re.findall(r"`(\w+)`", line[0])) == {name, *kind.__struct_fields__}


def test_every_column_is_explained() -> None:
    assert names("sinks.md", "### Columns of a row") == {*csv_file.COLUMNS}
    assert names("sinks.md", "### Columns of the table") == {*parquet.COLUMNS}


def test_every_kind_of_sink_is_explained() -> None:
    assert names("sinks.md", "# Sinks") == {*SINKS.names}


def test_the_line_that_is_shown_is_a_result_with_every_field() -> None:
    shown = re.search(r"^```json\n(.*?)^```", (ROOT / "docs/sinks.md").read_text(), re.MULTILINE | re.DOTALL)
    assert shown
    assert result_from_json(shown[1].encode()).detections
    assert json.loads(shown[1]).keys() == {"v", *Result.__struct_fields__}


def test_every_feature_of_a_bus_is_explained() -> None:
    assert names("bus.md", "## What a back end may lack") == values(Feature)


def test_every_error_is_explained_with_the_built_in_one_that_it_is() -> None:
    ours = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
    told = rows("errors.md", "## The tree")
    assert told.keys() == {name for name, kind in ours.items() if kind.__module__ == errors.__name__}
    for name, also in told.items():
        for base in re.findall(r"`(\w+)`", also):
            assert issubclass(ours[name], getattr(builtins, base)), f"{name} is a {base}"


def test_all_that_helps_to_test_is_explained() -> None:
    assert names("testing.md", "# Test your own parts") == {*testing.__all__}


def test_every_head_of_an_onnx_file_is_explained() -> None:
    told = rows("models.md", "### Heads")
    assert list(told) == [*HEADS]
    assert {name: head.layout for name, head in HEADS.items()} == {
        name: layout.replace("`", "") for name, layout in told.items()
    }


def test_all_that_a_control_hears_and_tells_is_explained() -> None:
    assert names("control.md", "## Acts") == {*BUILT_IN}
    assert names("control.md", "### Settings") == {*SETTINGS}
    assert names("control.md", "### What status tells") == {*CameraState.__struct_fields__}
    assert names("control.md", "## Messages") == {*ENVELOPE}
    assert names("control.md", "### Answers") == {*Reply.__struct_fields__}
    assert names("control.md", "## What goes wrong") == {*ControlStats.__struct_fields__}


def test_all_that_a_pipe_is_told_is_explained() -> None:
    assert names("pipe.md", "### Of a pipe") == {*inspect.signature(Pipe).parameters}
    assert names("pipe.md", "## Wires") == values(Policy)
    assert names("pipe.md", "### What is dropped") == {*REASONS}
    told = {name.partition("(")[0] for name in names("pipe.md", "### Cameras, models, sinks")}
    assert told == {name for name in routines.__all__ if name.endswith("Routine")}
    assert names("pipe.md", "## Events") == {*EVERYBODYS, UPDATE_FPS_EVENT_NAME}


@pytest.mark.parametrize(
    ("heading", "settings"), [("### Of a routine", RoutineSettings), ("### Of a wire", WireSettings)]
)
def test_every_setting_of_a_pipe_is_explained_with_its_default(heading: str, settings: Any) -> None:
    told = {name: cell.split()[0].strip('`"') for name, cell in rows("pipe.md", heading).items()}
    defaults = zip(settings.__struct_fields__, settings.__struct_defaults__, strict=True)
    assert told == {name: str(default) for name, default in defaults}


def test_all_that_becomes_of_a_picture_of_the_frame_queue_is_explained() -> None:
    assert names("frame-queue.md", "### Endings") == values(Ending)
    assert names("frame-queue.md", "### Reasons") == values(Drop)


def test_every_figure_of_the_frame_queue_that_is_named_is_there() -> None:
    told = {name.partition("{")[0] for name in names("frame-queue.md", "## Looking after it")}
    with open_store("memory:") as store, open_queue("memory:") as queue, FrameFeed(store, queue) as feed:
        worker, sweeper = Worker(store, queue), Sweeper(store, queue)
        sampling = Sampling([], store, lambda _camera: queue, sampler={}, ttl_s=None)
        registry = registry_of(
            sampling=sampling, store=store, queue=queue, feed=feed, worker=worker, sweeper=sweeper
        )
        text = generate_latest(registry).decode()
    assert told == {name for name in told if f"# HELP sightline_framequeue_{name} " in text}


def test_all_that_is_found_in_files_of_deepstream_is_explained() -> None:
    assert names("deepstream.md", "### Severities") == values(deepstream.Severity)
    assert names("deepstream.md", "### Kinds of findings") == values(deepstream.What)
    assert names("deepstream.md", "### Kinds of differences") == values(deepstream.How)


def test_every_output_schema_is_explained() -> None:
    told = {name.strip('"') for name in names("mux.md", "## What goes out")}
    assert told == {*SCHEMAS}
