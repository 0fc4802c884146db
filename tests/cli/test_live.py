"""What a terminal, a log and a program are shown of a site's processes."""

import io
import json
from typing import Self

import msgspec
import pytest
from rich.console import Console

from sightline.cli.live import site_view, stream_row
from sightline.site import ProcessView, SiteStatus
from sightline.site.any_site import AnyHub, AnySite
from sightline.site.status import CameraView, StreamView


class Site:
    """One that does nothing but tell of its processes."""

    hub: AnyHub | None = None

    def __init__(self, **processes: ProcessView) -> None:
        self.pages: list[str] = []
        self.faults: list[str] = []
        self.cameras: dict[str, CameraView] = {}
        self._status = SiteStatus(cameras=self.cameras, sinks=[], processes=processes)

    def status(self) -> SiteStatus:
        return self._status

    def wait(self, timeout_s: float | None = None) -> bool:
        return True

    def request_stop(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None: ...


def view(state: str, pid: int | None, ends: int = 0, reason: str = "") -> ProcessView:
    return ProcessView(pid=pid, state=state, reason=reason, ends=ends, retry_in_s=None if pid else 1.2)


PROCESSES = {
    "hub": view("running", 4711),
    "capture": view("waiting", None, 1, "killed by SIGKILL"),
    "w": view("running", 4712, 2),
}


def test_a_narrow_terminal_is_told_the_names_of_cameras_and_what_is_wrong() -> None:
    facts = {
        "state": "backing_off",
        "reason": "connection refused",
        "retry_in_s": 11.2,
        "source": "",
        "fps": 0.0,
        "packets": 0,
        "unsent": {},
        "decoded_by": "",
        "results": 123456,
        "results_per_s": 0.0,
        "age_s": None,
        "detections": 0,
        "unwanted": 0,
        "dropped": {"too_old": 7},
        "detect": None,
    }
    site = Site()
    site.cameras["loading-dock-north"] = msgspec.convert(facts, CameraView)
    console = Console(width=80, file=io.StringIO())
    with console.capture() as shown:
        console.print(site_view(site).table())
    told = " ".join(shown.get().replace("│", " ").split())
    for each in ("loading-dock-north", "backing off", "again in 12 s: connection refused", "too_old 7"):
        assert each in told


@pytest.mark.parametrize(("state", "style"), [("waiting", "dim"), ("backing_off", "red")])
def test_who_waits_for_a_reader_is_not_shown_as_wrong(state: str, style: str) -> None:
    stream = StreamView(
        state=state, reason="nobody reads it", retry_in_s=None, source="", fps=0.0, packets=0, unsent={}
    )
    assert stream_row("gate", stream, (), "").reason_style == style


def test_what_is_dropped_on_either_side_of_the_bus_is_one_number() -> None:
    stream = {
        "state": "live",
        "reason": "",
        "retry_in_s": None,
        "source": "h264 320x180",
        "fps": 10.0,
        "packets": 100,
        "unsent": {"too_old": 2, "closed": 1},
    }
    rest = {
        "decoded_by": "software",
        "results": 90,
        "results_per_s": 10.0,
        "age_s": None,
        "detections": 0,
        "unwanted": 0,
        "dropped": {"closed": 3, "lost": 1},
    }
    camera = msgspec.convert(stream | rest | {"detect": stream}, CameraView)
    site = Site()
    site.cameras["gate"] = camera
    (line,) = site_view(site).lines()
    assert line.endswith("dropped closed 5, too_old 4, lost 1")


def test_a_log_has_a_line_for_each_process_that_does_not_run() -> None:
    site: AnySite = Site(**PROCESSES)
    assert list(site_view(site).lines()) == [
        "capture: waiting, again in 2 s (killed by SIGKILL), ended 1 time"
    ]


AMISS = {"worker-w": view("running", 4712, 1, "w-jsonl: setup: SinkError: no folder")}


def test_a_log_has_a_line_for_one_that_runs_and_cannot_open_something() -> None:
    assert list(site_view(Site(**AMISS)).lines()) == [
        "worker-w: running (w-jsonl: setup: SinkError: no folder), ended 1 time"
    ]


def test_a_terminal_has_why_one_that_runs_is_not_well() -> None:
    text = io.StringIO()
    Console(file=text, width=200).print(site_view(Site(**AMISS)).table())
    assert "worker-w 4712 (w-jsonl: setup: SinkError: no folder), ended 1 time" in text.getvalue()


def test_a_terminal_has_all_of_them_in_a_line() -> None:
    text = io.StringIO()
    Console(file=text, width=200).print(site_view(Site(**PROCESSES)).table())
    assert (
        "processes: hub 4711; capture waiting, again in 2 s (killed by SIGKILL), ended 1 time; "
        "w 4712, ended 2 times" in text.getvalue()
    )


def test_of_one_process_nothing_is_said() -> None:
    text = io.StringIO()
    Console(file=text, width=200).print(site_view(Site()).table())
    assert "processes" not in text.getvalue()


def test_a_program_has_what_is_known_of_each() -> None:
    facts = json.loads(json.dumps(msgspec.to_builtins(site_view(Site(**PROCESSES)).facts())))
    assert facts["processes"]["capture"] == {
        "pid": None,
        "state": "waiting",
        "reason": "killed by SIGKILL",
        "ends": 1,
        "retry_in_s": 1.2,
    }
