"""Timetables as people write them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import ConfigError
from sightline.fakecam import (
    Entry,
    Fault,
    HalfOpen,
    Kill,
    LongGop,
    Loss,
    PtsJump,
    Reorder,
    Reset,
    Resize,
    SlowStart,
    Stall,
    WrongClock,
    WrongPassword,
    load_script,
    parse_script,
)
from sightline.fakecam.script import NAMES
from sightline.frame import Size

LINES: list[tuple[str, Fault, float, float | None]] = [
    ("stall 5s at 10s", Stall(seconds=5), 10, None),
    ("stall from 10s to 15s", Stall(seconds=5), 10, None),
    ("stall every 1min for 500ms", Stall(seconds=0.5), 60, 60),
    ("half_open", HalfOpen(), 0, None),
    ("loss 1% from 20s to 30s", Loss(share=0.01, seconds=10), 20, None),
    ("reorder 2.5%", Reorder(share=0.025), 0, None),
    ("pts_jump -3s every 20s", PtsJump(by_s=-3), 20, 20),
    ("wrong_clock +1h from 5s", WrongClock(by_s=3600), 5, None),
    ("long_gop 30s at 5s for 1min", LongGop(gop_s=30, seconds=60), 5, None),
    ("resize 320x180 at 5s", Resize(size=Size(320, 180)), 5, None),
    ("wrong_password 5s at 1s", WrongPassword(seconds=5), 1, None),
    ("slow_start 4s", SlowStart(by_s=4), 0, None),
    ("reset every 60s", Reset(), 60, 60),
]


@pytest.mark.parametrize(("text", "fault", "at_s", "every_s"), LINES)
def test_each_fault_can_be_written(text: str, fault: Fault, at_s: float, every_s: float | None) -> None:
    assert parse_script(f"gate: {text}") == [Entry(camera="gate", fault=fault, at_s=at_s, every_s=every_s)]


def test_every_fault_is_shown_above() -> None:
    assert {line[0].split()[0] for line in LINES} | {"kill"} == set(NAMES)


def test_a_line_holds_many_faults_of_many_cameras() -> None:
    entries = parse_script("gate: stall 5s at 10s, reset at 1s; *: kill 2s at 3s;")

    assert entries == [
        Entry(camera="gate", fault=Stall(seconds=5), at_s=10),
        Entry(camera="gate", fault=Reset(), at_s=1),
        Entry(camera="*", fault=Kill(seconds=2), at_s=3),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stall 5s", "expected CAMERA: FAULT"),
        ("gate: stal 5s", r"got 'stal' \(did you mean stall\?\)"),
        ("gate: ", "expected one of stall"),
        ("gate: loss", "expected a share such as 1%, got ''"),
        ("gate: loss 5s", "expected a share such as 1%, got '5s'"),
        ("gate: loss 200%", "share of 0 to 1"),
        ("gate: stall 5", "expected how long, such as 5s, got '5'"),
        ("gate: stall at soon", "expected a time behind 'at' such as 5s, 500ms or 2min, got 'soon'"),
        ("gate: stall 5s at 10s oops", "expected at, from, every, for or the end, got 'oops'"),
        ("gate: stall at 1s every 2s", "one of at, from and every"),
        ("gate: stall from 5s to 4s", "an end after 5s, got 4s"),
        ("gate: stall 5s for 4s", "one length, got 5s and 4s"),
        ("gate: reset at 1s for 2s", "over at once"),
        ("gate: resize big", "expected a size such as 320x180, got 'big'"),
        ("gate: kill 5s", "share one port"),
    ],
)
def test_a_mistake_names_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_script(text)


def test_a_file_is_the_same_in_yaml(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text("gate:\n  - stall 5s at 10s\n  - loss 1% from 20s to 30s\n'*': [reset every 60s]\n")

    text = "gate: stall 5s at 10s, loss 1% from 20s to 30s; *: reset every 60s"
    assert load_script(path) == parse_script(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a]", "expected cameras"),
        ("gate: stall 5s", "expected a list of faults"),
        ("gate: [stal]", "bad.yaml: misbehaviour of gate, 'stal'"),
        ("gate: [", "cannot be read"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=said):
        load_script(path)


WORDS = [
    *NAMES,
    "at",
    "from",
    "to",
    "every",
    "for",
    "5s",
    "-1s",
    "1%",
    "99999h",
    "320x180",
    ",",
    ";",
    "gate:",
    "*:",
]


@given(st.lists(st.sampled_from(WORDS), max_size=10).map(" ".join) | st.text())
def test_any_text_is_a_timetable_or_a_mistake(text: str) -> None:
    try:
        parse_script(text)
    except ConfigError:
        return
