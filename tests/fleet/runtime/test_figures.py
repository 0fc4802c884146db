"""What instances print, and what is made of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.clock import ns
from sightline.fleet.runtime.figures import Heard
from sightline.fleet.runtime.last_lines import MOST_CHARACTERS, LastLines, last_words

HEADER = "**PERF:  FPS 0 (Avg)\tFPS 1 (Avg)\t"


def status(**cameras: float) -> str:
    seen = {name: {"state": "live", "fps": fps, "age_s": None} for name, fps in cameras.items()}
    return json.dumps({"cameras": seen, "sinks": [], "processes": {}})


def test_rates_get_the_names_of_their_cameras() -> None:
    heard = Heard(["gate", "yard"])
    assert heard.hear(HEADER, 0)
    heard.hear("**PERF:  30.00 (29.51)\t0.00 (12.00)\t", 0)
    assert {name: of.fps for name, of in heard.cameras().items()} == {"gate": 30.0, "yard": 0.0}


def test_of_two_pipelines_a_camera_has_the_slower_rate() -> None:
    heard = Heard(["gate", "yard"])
    heard.hear("PERF(0): 30.00 (30.00)\t20.00 (30.00)\t", 0)
    heard.hear("PERF(1): 25.00 (30.00)\t29.00 (30.00)\t", 0)
    assert {name: of.fps for name, of in heard.cameras().items()} == {"gate": 25.0, "yard": 20.0}
    together = Heard(["gate", "yard"])  # as the stand-in has it: all sources in one line
    together.hear("**PERF:  30.00 (1.0)\t20.00 (1.0)\t25.00 (1.0)\t29.00 (1.0)\t", 0)
    assert together.cameras() == heard.cameras()


def test_the_newest_rates_hold() -> None:
    heard = Heard(["gate"])
    for rate in ("30.00", "7.50"):
        heard.hear(f"**PERF:  {rate} (30.00)\t", 0)
    assert heard.cameras()["gate"].fps == 7.5


@pytest.mark.parametrize(
    "line", ["** INFO: <bus_callback:180>: Pipeline running", "Runtime commands:", HEADER, status(a=1)]
)
def test_what_runs_says_so(line: str) -> None:
    heard = Heard()
    heard.hear("** INFO: <create_pipeline>: opening", 0)
    assert not heard.ready
    heard.hear(line, 0)
    assert heard.ready


def test_statuses_and_empty_lines_are_no_log() -> None:
    heard = Heard()
    assert not heard.hear(status(gate=24.5), 0)
    assert not heard.hear("  ", 0)
    assert heard.hear("a warning", 0)
    assert heard.hear('{"cameras": 7}', 0)  # it looks like one
    assert heard.cameras()["gate"].fps == 24.5
    assert heard.cameras()["gate"].state == "live"


def test_a_status_that_stops_coming_is_trouble() -> None:
    heard = Heard()
    heard.hear(status(gate=1), ns(10))
    assert heard.trouble(ns(20)) == ""
    assert heard.trouble(ns(40)) == "it has said nothing of itself for 30 s"


def test_a_part_that_ended_too_often_is_trouble() -> None:
    heard = Heard()
    parts = {"worker-w": {"state": "quarantined", "reason": "ended 5 times"}, "hub": {"state": "running"}}
    heard.hear(json.dumps({"cameras": {}, "processes": parts}), 0)
    assert heard.trouble(0) == "worker-w: ended 5 times"


@given(st.lists(st.text() | st.just("**PERF: 1.0 (2.0)") | st.just('{"cameras":{"a":{"fps":-1e999}}}')))
def test_no_line_breaks_it(lines: list[str]) -> None:
    heard = Heard(["a"])
    for now_ns, line in enumerate(lines):
        heard.hear(line, now_ns)
        heard.trouble(now_ns)
        assert all(of.fps is not None and 0 <= of.fps < 1e300 for of in heard.cameras().values())


def test_last_lines_are_bounded_and_without_secrets() -> None:
    lines = LastLines(most=3)
    for number in range(5):
        lines.add(f"{number} rtsp://admin:geheim@host/ " + "x" * 9000)
    assert [line[0] for line in lines.last(10)] == ["2", "3", "4"]
    assert [line[0] for line in lines.last(1)] == ["4"]
    assert lines.last(0) == []
    assert all("geheim" not in line and len(line) <= MOST_CHARACTERS for line in lines.last(10))


def test_last_words_are_of_the_last_error() -> None:
    assert last_words(["** ERROR: no such file", "Quitting", "App run failed"]) == "** ERROR: no such file"
    assert last_words(["begun", "App run failed", " "]) == "App run failed"
    assert last_words([]) == ""
