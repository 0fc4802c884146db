"""Facts in, findings out."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sightline import Size
from sightline.capture import ProbeReport
from sightline.clock import NS_PER_S
from sightline.doctor.cameras import judge_camera
from sightline.doctor.finding import Finding, State
from sightline.doctor.libraries import (
    DECODERS,
    ENCODERS,
    EXTRAS,
    FORMATS,
    PROTOCOLS,
    LibraryFacts,
    judge_libraries,
)
from sightline.doctor.machine import GIB, MIB, MachineFacts, judge_machine
from sightline.errors import AccessDenied

GOOD_MACHINE = MachineFacts(
    python="3.11.7",
    system="Linux 6.1 x86_64",
    cpus=8,
    memory_bytes=16 * GIB,
    free_memory_bytes=8 * GIB,
    disk_bytes=50 * GIB,
    shm_bytes=8 * GIB,
    open_files=1024,
    most_open_files=4096,
    threads=None,
    utc_ns=1_800_000_000 * NS_PER_S,
    monotonic=True,
    loopback="",
)
GOOD_LIBRARIES = LibraryFacts(
    av="18.1.0",
    libav={"libavcodec": "62.28.102"},
    decoders=DECODERS,
    encoders=ENCODERS,
    protocols=PROTOCOLS,
    formats=FORMATS,
    devices={"cuda": ""},
    opencv="4.14.0",
    opencv_packages=["opencv-python-headless 4.14.0"],
    people_detector=True,
    extras=dict.fromkeys(EXTRAS, "1.31"),
    providers=["CPUExecutionProvider"],
)
GOOD_CAMERA = ProbeReport(
    camera_id="gate",
    url="rtsp://h/s",
    codec="h264",
    profile=None,
    size=Size(1280, 720),
    fps=25,
    gop_packets=50,
    gop_s=2,
    bit_rate=None,
    clock="arrival",
    transport="tcp",
    packets=60,
    still=np.zeros((720, 1280, 3), np.uint8),
)


def machine(cameras: int | None = None, **facts: Any) -> Iterator[Finding]:
    return judge_machine(replace(GOOD_MACHINE, **facts), cameras)


def libraries(kinds: tuple[str, ...] = (), **facts: Any) -> Iterator[Finding]:
    return judge_libraries(replace(GOOD_LIBRARIES, **facts), kinds)


def bad(findings: Iterator[Finding]) -> list[tuple[str, str]]:
    found = [finding for finding in findings if finding.state is not State.OK]
    assert all(finding.do for finding in found)
    return [(finding.state, finding.name) for finding in found]


def test_a_good_machine_with_all_libraries_has_nothing_against_it() -> None:
    assert bad(machine()) == bad(machine(cameras=20)) == bad(libraries()) == []


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"free_memory_bytes": 100 * MIB}, [("note", "memory")]),
        ({"free_memory_bytes": None, "memory_bytes": None}, []),
        ({"disk_bytes": 500 * MIB}, [("note", "disk")]),
        ({"disk_bytes": 5 * MIB}, [("problem", "disk")]),
        ({"shm_bytes": 10 * MIB}, [("note", "/dev/shm")]),
        ({"shm_bytes": None}, []),
        ({"open_files": 64}, [("problem", "open files")]),
        ({"open_files": None, "most_open_files": None}, []),
        ({"threads": 20}, [("problem", "threads")]),
        ({"utc_ns": 0}, [("problem", "UTC")]),
        ({"monotonic": False}, [("problem", "monotonic")]),
        ({"loopback": "Network is unreachable"}, [("problem", "loopback")]),
    ],
)
def test_what_is_wrong_with_a_machine(facts: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert bad(machine(**facts)) == expected


def test_what_is_enough_alone_may_not_be_for_the_cameras_of_a_site() -> None:
    assert bad(machine(cameras=115)) == []
    assert bad(machine(cameras=116)) == [("problem", "open files")]
    assert bad(machine(cameras=50, threads=199)) == [("problem", "threads")]
    assert bad(machine(cameras=50, free_memory_bytes=2 * GIB)) == [("note", "memory")]


def test_whoever_may_not_raise_a_limit_is_told_who_may() -> None:
    for most, told in ((4096, "ulimit -n 1700, in"), (1024, "as root: ulimit -n 1700, in")):
        (finding,) = (f for f in machine(cameras=200, most_open_files=most) if f.name == "open files")
        assert finding.do.startswith(told)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"decoders": ["hevc"]}, [("problem", "decoders")]),
        ({"decoders": [name for name in DECODERS if name != "libdav1d"]}, [("note", "decoders")]),
        ({"encoders": []}, [("note", "encoders")]),
        ({"formats": ["rtsp", "hls"]}, [("note", "sources")]),
        ({"protocols": ["tcp", "http"]}, [("note", "sources")]),
        ({"formats": ["hls", "v4l2"]}, [("problem", "sources")]),
        ({"devices": {"cuda": "operation not permitted"}}, []),
        ({"opencv_packages": ["opencv-python 4.10", "opencv-python-headless 4.14"]}, [("note", "packages")]),
        ({"opencv": "5.0.0", "people_detector": False}, [("note", "people")]),
        ({"extras": {**GOOD_LIBRARIES.extras, "httpx": None}}, [("note", "httpx")]),
        ({"extras": {**GOOD_LIBRARIES.extras, "pika": None}}, [("note", "pika")]),
        ({"providers": None}, [("note", "onnxruntime")]),
    ],
)
def test_what_is_wrong_with_libraries(facts: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert bad(libraries(**facts)) == expected


def test_what_a_site_needs_and_is_missing_is_a_problem() -> None:
    without: dict[str, Any] = {"extras": {}, "people_detector": False}
    assert {state for state, _ in bad(libraries(**without))} == {"note"}
    wanted = bad(libraries(("hog", "webhook", "jsonl", "track"), **without))
    assert [name for state, name in wanted if state == "problem"] == ["people", "scipy", "httpx"]
    (httpx,) = (finding for finding in libraries(("webhook",), **without) if finding.name == "httpx")
    assert httpx.do == "pip install 'sightline[webhook]'"


def test_hardware_that_can_be_opened_is_named_and_else_why_not() -> None:
    told = [
        finding.told
        for devices in ({"cuda": "", "drm": "no"}, {"cuda": "no driver"}, {})
        for finding in libraries(devices=devices)
        if finding.area == "hardware"
    ]
    assert told == [
        "cuda can be opened",
        "in software (cuda: no driver)",
        "in software (libav was built for no hardware)",
    ]


def test_a_camera_is_one_line() -> None:
    fine = judge_camera("gate", GOOD_CAMERA)
    assert (fine.state, fine.told) == (
        State.OK,
        "h264 1280x720, 25 pictures/s, a keyframe every 50 pictures",
    )
    bare = replace(GOOD_CAMERA, size=None, fps=None, gop_packets=None, gop_s=None)
    assert judge_camera("gate", bare).told == "h264"
    assert judge_camera("gate", replace(GOOD_CAMERA, gop_s=12)).state is State.NOTE
    assert judge_camera("gate", replace(GOOD_CAMERA, still=None)).state is State.PROBLEM
    denied = judge_camera("gate", AccessDenied("wrong user or password for rtsp://v:hunter2@h/s"))
    assert (denied.state, denied.told) == (
        State.PROBLEM,
        "wrong user or password for rtsp://***@h/s",
    )
