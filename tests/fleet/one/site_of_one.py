"""Sites that are run as a fleet of one, and what came of them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sightline.fleet.api.client import FleetClient
from sightline.fleet.one.api import ApiWish
from sightline.fleet.one.here import HereRuntime
from sightline.fleet.one.up import FleetOfOne
from sightline.site.reading import read_site

LIVE = "synthetic://street?size=160x90&fps=10&gop=10"
LIMIT_S = 60.0


def write(folder: Path, cameras: dict[str, Any], name: str = "hall.yaml", **more: Any) -> Path:
    """A site file in `folder` whose results go to results.jsonl there."""
    worker = {"model": {"kind": "motion"}, "sinks": [{"kind": "jsonl", "path": "results.jsonl"}]}
    path = folder / name
    path.write_text(json.dumps({"cameras": cameras, "workers": {"w": worker}} | more))  # JSON is YAML
    return path


def fleet_of_one(path: Path, **more: Any) -> FleetOfOne:
    return FleetOfOne(*read_site(path), name=path.name, **more)


def seen(folder: Path) -> dict[str, int]:
    """Results by camera."""
    path = folder / "results.jsonl"
    counts: dict[str, int] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        camera = json.loads(line)["camera_id"]
        counts[camera] = counts.get(camera, 0) + 1
    return counts


@contextmanager
def with_api(path: Path, **more: Any) -> Iterator[tuple[FleetOfOne, FleetClient]]:
    """One that runs, and a client of its API."""
    with fleet_of_one(path, api=ApiWish.parse("0"), **more) as running:
        url, token = (line.split(" ")[-1] for line in running.first_lines())
        with FleetClient(url, Path(token).read_text().strip()) as client:
            yield running, client


def begun(monkeypatch: Any) -> list[Any]:
    """What the agent has had begun from now on."""
    found: list[Any] = []
    begin: Callable[..., None] = HereRuntime.begin

    def noted(self: HereRuntime, spec: Any) -> None:
        found.append(spec)
        begin(self, spec)

    monkeypatch.setattr(HereRuntime, "begin", noted)
    return found
