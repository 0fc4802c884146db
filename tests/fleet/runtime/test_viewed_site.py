"""A worker of a fleet passes on what is looked at: a sink more, and no secret but in its own file."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.fleet.runtime.instances import worker

from sightline.fleet.runtime.preparing import SITE_FILE, Preparing
from sightline.fleet.runtime.viewed_site import ViewBus, view_bus, with_view
from sightline.site.reading import parse_site

SECRET = "planted-geheim-31aa"
HUB = ViewBus(f"hub://:{SECRET}@10.0.0.5:4820", "north.")
SINK = {"kind": "view", "url": HUB.url, "prefix": "north."}


def test_each_worker_gets_one_behind_its_own() -> None:
    site: dict[str, Any] = {"workers": {"a": {"sinks": [{"kind": "jsonl", "path": "x"}]}, "b": {"rate": 1}}}
    assert with_view(site, HUB) == {
        "workers": {"a": {"sinks": [{"kind": "jsonl", "path": "x"}, SINK]}, "b": {"rate": 1, "sinks": [SINK]}}
    }


@pytest.mark.parametrize("worker", [{"sinks": [{"kind": "view"}]}, {"sinks": "wrong"}, None])
def test_what_a_site_says_itself_stays(worker: Any) -> None:
    site = {"workers": {"a": worker}}
    assert with_view(site, HUB) == site
    assert with_view({"frame_queue": {}}, HUB) == {"frame_queue": {}}


def test_a_bus_within_a_process_reaches_no_worker() -> None:
    assert view_bus("memory://fleet", "") is None
    assert view_bus("hub://h", "p.") == ("hub://h", "p.")
    assert SECRET not in repr(HUB)


def test_the_bus_stands_in_the_file_of_the_instance_and_nowhere_else(tmp_path: Path) -> None:
    spec = Preparing(tmp_path, view=HUB).prepare(worker("synthetic://?fps=5"))
    assert spec.folder is not None
    file = spec.folder / SITE_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["workers"]["w"]["sinks"][-1] == SINK
    assert SECRET not in repr(spec) + str(spec.command) + str(spec.environment)
    parse_site(file.read_text(), {}, name=str(file), folder=tmp_path)
