"""What a flow writes to its log, as the pipe's own process writes it."""

import io
import json
import logging
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sightline.log import configure, get_logger, hide_secret
from sightline.pipe.logs import Forward, write


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def sent(root: logging.Logger) -> list[bytes]:
    """What is logged from now on, as a flow called `worker-people` sends it."""
    sent: list[bytes] = []

    def send(record: bytes) -> bool:
        sent.append(record)
        return True

    root.handlers[:] = [Forward(send, "worker-people")]
    root.setLevel(logging.INFO)
    return sent


@pytest.mark.parametrize("as_json", [False, True])
def test_lines_of_sightline_itself_come_out_whole(sent: list[bytes], as_json: bool) -> None:
    get_logger("sightline.bus").warning("hub lost", hub="here")
    try:
        raise OSError("no bytes")
    except OSError:
        get_logger("sightline.bus").exception("broken")
    assert len(sent) == 2

    stream = io.StringIO()
    configure(as_json=as_json, stream=stream)
    for record in sent:
        write(record, logging.getLogger("Pipe"))
    lost, broken = (stream.getvalue()[i:] for i in (0, stream.getvalue().index("broken")))
    assert "hub lost" in lost
    assert "here" in lost
    assert "worker-people" in lost
    assert "OSError: no bytes" in broken


class Rude:
    def __reduce__(self) -> str:
        raise TypeError

    def __str__(self) -> str:
        raise RuntimeError


def test_fields_of_a_line_are_those_of_its_json(root: logging.Logger, sent: list[bytes]) -> None:
    get_logger("sightline.bus").warning("hub lost", hub="here", tries=3)
    stream = io.StringIO()
    configure(as_json=True, stream=stream)
    plain = logging.StreamHandler(text := io.StringIO())
    root.addHandler(plain)
    write(sent[0], logging.getLogger("Pipe"))
    told = json.loads(stream.getvalue())
    assert told.pop("timestamp")
    assert told == {
        "event": "hub lost",
        "hub": "here",
        "tries": 3,
        "level": "warning",
        "logger": "sightline.bus",
        "process": "worker-people",
    }
    assert text.getvalue() == "hub lost hub='here' tries=3\n"


def test_no_secret_that_was_told_here_leaves_with_what_comes_with_a_line(root: logging.Logger) -> None:
    sent: list[bytes] = []
    hide_secret("sesame-seeds")

    def send(record: bytes) -> bool:
        sent.append(record)
        return True

    root.handlers[:] = [Forward(send, "f")]
    extra = {
        "camera": {"note": "by sesame-seeds", "tried": ["sesame-seeds", 3], "lock": threading.Lock()},
        "error": OSError("no sesame-seeds"),
        "rude": Rude(),
        "picture": b"\xff\xd8",
        "at": Path("yard"),
    }
    logging.getLogger("seen").error("dark", extra=extra)
    assert b"sesame" not in sent[0]
    record = pickle.loads(sent[0])
    assert record["camera"]["note"] == "by ***"
    assert record["camera"]["tried"] == ["***", 3]
    assert record["error"] == "OSError: no ***"
    assert record["rude"] == "(cannot be made a text: RuntimeError)"
    assert (record["picture"], record["at"]) == (b"\xff\xd8", Path("yard"))


def test_lines_that_nobody_took_are_told_of(root: logging.Logger) -> None:
    sent: list[bytes] = []
    takes = iter([False, True, True])

    def send(record: bytes) -> bool:
        taken = next(takes)
        if taken:
            sent.append(record)
        return taken

    root.handlers[:] = [Forward(send, "f")]
    root.setLevel(logging.INFO)
    for number in range(2):
        get_logger("sightline.bus").warning("line", number=number)

    stream = io.StringIO()
    configure(stream=stream)
    for record in sent:
        write(record, logging.getLogger("Pipe"))
    assert "number=1" in stream.getvalue()
    assert "1 lines were dropped before" in stream.getvalue()
