"""What becomes of a record on its way out: where it is from, what is hidden, what is cut."""

import logging
import sys
from typing import Any

import msgspec
import pytest

from sightline.log import hide_secret
from sightline.pipe.outside.log_entry import (
    MOST_ENTRY_BYTES,
    MOST_EXTRA_BYTES,
    MOST_LOOKED_AT,
    MOST_NAME,
    MOST_TEXT,
    LogEntry,
    bounded,
    entry_of,
    without_secrets,
)
from sightline.pipe.pictures import MOST_JPEG_BYTES

SECRET = "tr0ub4dor&3"


def record(message: str = "said", *of: object, **facts: Any) -> logging.LogRecord:
    made = logging.LogRecord("seen.cameras.gate", logging.WARNING, __file__, 1, message, of, None)
    made.processName = "cameras"
    vars(made).update(facts)
    return made


def sent(made: logging.LogRecord) -> LogEntry:
    return without_secrets(entry_of(made, "seen", 7))


def raised(text: str) -> Any:
    try:
        raise ValueError(text)
    except ValueError:
        return sys.exc_info()


def test_a_record_says_where_it_is_from() -> None:
    entry = sent(record("%d cars", 3, process=4711, created=0.25))
    assert entry == LogEntry(
        number=7,
        time="1970-01-01T00:00:00.250Z",
        level="WARNING",
        severity=30,
        source="seen.cameras.gate",
        message="3 cars",
        pipe="seen",
        flow="cameras",
        routine="gate",
        process=4711,
    )


def test_names_with_dots_are_told_apart_by_the_flow() -> None:
    entry = sent(record(name="seen.two.cams.the.gate", processName="two.cams"))
    assert (entry.flow, entry.routine) == ("two.cams", "the.gate")


def test_a_record_of_the_pipe_itself_is_of_no_flow() -> None:
    entry = sent(record(name="seen", processName="Process-1"))
    assert (entry.pipe, entry.flow, entry.routine) == ("seen", "", "")


def test_a_traceback_stands_by_itself_wherever_it_was_made_a_text() -> None:
    there = sent(record("no", exc_info=raised("lens cap")))
    came = sent(record("no\nTraceback (most recent call last):\n  ...\nValueError: lens cap"))
    for entry in (there, came):
        assert entry.message == "no"
        assert entry.traceback.startswith("Traceback (most recent call last):\n")
        assert entry.traceback.endswith("ValueError: lens cap")


def test_where_it_was_written_stands_in_its_place() -> None:
    assert sent(record(stack_info="Stack (most recent call last):\n  ...")).traceback.endswith("  ...")


def test_no_secret_is_sent_wherever_it_stands() -> None:
    made = record(
        f"opening rtsp://admin:{SECRET}@10.0.0.5 and {SECRET}",
        exc_info=raised(SECRET),
        camera={"password": "any word", "url": f"rtsp://x:{SECRET}@gate", "tries": 3},
        name=f"seen.cameras.{SECRET}",
        side=SECRET,
    )
    entry = entry_of(made, f"seen{SECRET}", 1)
    hide_secret(SECRET)  # told only now: what waits is hidden as well
    text = msgspec.json.encode(without_secrets(entry)).decode()
    assert SECRET not in text
    assert "any word" not in text
    assert '"tries":3' in text


def test_a_secret_at_the_edge_of_what_is_cut_is_hidden_whole() -> None:
    hide_secret(SECRET)
    for before in range(MOST_TEXT - 60, MOST_TEXT + 5):
        entry = sent(record("x " * (before // 2) + SECRET + " y" * 100))
        assert SECRET[:6] not in entry.message
        assert len(entry.message) <= MOST_TEXT


def test_no_begin_of_a_secret_is_left_where_looking_ends() -> None:
    hide_secret(SECRET)
    for before in range(MOST_LOOKED_AT - len(SECRET), MOST_LOOKED_AT + 1):
        text = "password=" + "y" * (before - 10) + " " + SECRET + " y" * 100
        assert SECRET[:3] not in bounded(text, MOST_TEXT)


class Rude:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "extra",
    [
        {"rude": Rude()},
        {"large": "x" * MOST_EXTRA_BYTES},
        {"beyond": 1 << 70},
        {"lone": "\udc80"},
        {"nan": float("nan")},
        {"of": {Rude: {1, 2}}, "path": sys},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_whatever_comes_with_a_record_it_can_be_sent(extra: dict[str, Any]) -> None:
    entry = sent(record(**extra))
    assert len(msgspec.json.encode(entry)) < MOST_ENTRY_BYTES
    assert entry.message == "said"


def test_a_value_that_holds_itself_is_no_end() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert sent(record(circle=circle)).extra == {"unreadable": "RecursionError"}


def test_a_record_whose_arguments_do_not_fit_is_sent_as_it_is() -> None:
    assert sent(record("%d cars", "three")).message == "%d cars (cannot be made a text: TypeError)"


def test_no_entry_is_larger_than_what_a_receiver_takes() -> None:
    name = "\x01" * (2 * MOST_NAME)
    made = record(
        "\x01" * (2 * MOST_TEXT),
        name=f"{name}.{name}.{name}",
        processName=name,
        levelname=name,
        exc_text="\x01" * (2 * MOST_TEXT),
        exc_info=None,
        side=name,
        picture=b"x" * MOST_JPEG_BYTES,
        extra="x" * (MOST_EXTRA_BYTES - 20),
    )
    assert len(msgspec.json.encode(without_secrets(entry_of(made, name, 1 << 53)))) < MOST_ENTRY_BYTES


def test_what_is_no_picture_or_too_large_is_left_out() -> None:
    assert sent(record(picture=[1, 2])).picture == b""
    assert sent(record(picture=b"x" * (MOST_JPEG_BYTES + 1))).picture == b""
    assert sent(record(picture=b"\xff\xd8\xff")).picture == b"\xff\xd8\xff"


def test_its_size_is_not_below_what_it_takes() -> None:
    for made in (record(), record("x" * 5000), record(picture=b"x" * 9000), record(cars=["blue"] * 100)):
        entry = sent(made)
        assert len(entry.message) + len(entry.picture) < entry.size < 20_000
