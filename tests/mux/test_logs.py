"""Logs that are kept: whole, bounded, without secrets, and never in anybody's way."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sightline.bus import Message
from sightline.bus.memory import MemoryBus
from sightline.errors import BusError, ConfigError
from sightline.log import get_logger, hide_secret
from sightline.mux.logs import KeptLogs
from sightline.overflow import Capacity, Overflow

WaitFor = Callable[[Callable[[], Any], float, str], Any]
LOG = get_logger("sightline.mux")


class Refusing(MemoryBus):
    """A bus that takes nothing, and says so in the log as a real one does."""

    def publish(self, topic: str, value: bytes, **_: Any) -> None:
        LOG.warning("not delivered", topic=topic)
        raise BusError("no broker")


class Stuck(MemoryBus):
    """A bus whose broker does not answer."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.answers = threading.Event()

    def publish(self, topic: str, value: bytes, **_: Any) -> None:
        assert self.answers.wait(20)
        super().publish(topic, value)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("sightline")
    before = (logger.level, logger.handlers[:])
    yield
    assert (logger.level, logger.handlers) == before


@pytest.fixture
def bus() -> Iterator[MemoryBus]:
    with MemoryBus("memory://") as bus:
        yield bus


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_file_has_a_line_of_json_for_each_event(tmp_path: Path) -> None:
    with KeptLogs(tmp_path / "mux.log"):
        LOG.info("camera added", camera_id="gate", topic="raw_gate")
        logging.getLogger("sightline.other").error("plain %s", "words")
        LOG.debug("too fine")
    LOG.error("not kept any more")

    first, second = lines(tmp_path / "mux.log")
    assert first.pop("timestamp") < second.pop("timestamp")
    assert first == {
        "event": "camera added",
        "camera_id": "gate",
        "topic": "raw_gate",
        "level": "info",
        "logger": "sightline.mux",
    }
    assert second == {"event": "plain words", "level": "error", "logger": "sightline.other"}


def test_no_secret_is_kept(tmp_path: Path, bus: MemoryBus) -> None:
    hide_secret("pl4nted")
    reader = bus.subscribe("logs", capacity=Capacity(count=9), overflow=Overflow.DROP_OLDEST)

    with KeptLogs(tmp_path / "mux.log", bus=bus, topic="logs"):
        LOG.info("connected", url="kafka://user:pl4nted@broker", password="unknown-to-all")
        try:
            raise ValueError("pl4nted")
        except ValueError:
            LOG.exception("failed")

    kept = (tmp_path / "mux.log").read_text() + "".join(m.value.decode() for m in reader.poll(9, 5))
    assert kept.count("***") == 8
    assert "pl4nted" not in kept
    assert "unknown-to-all" not in kept


def test_files_take_turns_and_are_bounded(tmp_path: Path) -> None:
    with KeptLogs(tmp_path / "mux.log", most_bytes=1000, files=3):
        for number in range(100):
            LOG.info("event", number=number)

    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["mux.log", "mux.log.1", "mux.log.2"]
    assert all(file.stat().st_size <= 1000 for file in files)
    numbers = [line["number"] for file in reversed(files) for line in lines(file)]
    assert numbers == list(range(numbers[0], 100))


def test_the_level_says_what_is_kept_and_the_console_stays_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caplog.handler, "level", logging.ERROR)  # it is every test's: put back at the end

    with KeptLogs(tmp_path / "mux.log", level="debug"):
        LOG.debug("fine")
    with KeptLogs(tmp_path / "errors.log", level="ERROR"):
        LOG.warning("not one")
        LOG.error("one")

    assert [line["event"] for line in lines(tmp_path / "mux.log")] == ["fine"]
    assert [line["event"] for line in lines(tmp_path / "errors.log")] == ["one"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_topic_has_the_lines_in_their_order(bus: MemoryBus, no_leaks: None) -> None:
    reader = bus.subscribe("logs", capacity=Capacity(count=2000), overflow=Overflow.DROP_OLDEST)

    with KeptLogs(bus=bus, topic="logs"):
        for number in range(1000):
            LOG.info("event", number=number)

    got: list[Message] = reader.poll(2000, 5)
    assert [json.loads(message.value)["number"] for message in got] == list(range(1000))


def test_a_broker_that_does_not_answer_stops_nobody_and_what_is_lost_is_counted() -> None:
    bus = Stuck("memory://")
    reader = bus.subscribe("logs", capacity=Capacity(count=100_000), overflow=Overflow.DROP_OLDEST)

    kept = KeptLogs(bus=bus, topic="logs")
    for number in range(12_000):
        LOG.info("event", number=number)
    lost = kept.lost
    bus.answers.set()
    kept.close()

    numbers = [json.loads(message.value)["number"] for message in reader.poll(100_000, 5)]
    assert lost > 2000
    assert len(numbers) + kept.lost == 12_000
    assert numbers == sorted(numbers)
    assert numbers[-1] == 11_999
    bus.close()


def test_what_a_bus_says_of_a_line_that_it_refuses_is_no_line_to_publish(wait_for: WaitFor) -> None:
    with Refusing("memory://") as bus, KeptLogs(bus=bus, topic="logs") as kept:
        LOG.info("event")
        wait_for(lambda: kept.lost, 5, "the line to be refused")
        LOG.info("event")
        wait_for(lambda: kept.lost >= 2, 5, "the second to be refused")
    assert kept.lost == 2


def test_a_line_that_cannot_be_made_is_counted(
    tmp_path: Path, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest has one there, which raises
    with KeptLogs(tmp_path / "mux.log", bus=bus, topic="logs") as kept:
        logging.getLogger("sightline.x").info("%d", "no number")
        assert kept.lost == 2


def test_closing_again_is_nothing(tmp_path: Path) -> None:
    kept = KeptLogs(tmp_path / "mux.log")
    kept.close()
    kept.close()


def test_without_a_place_nothing_is_changed() -> None:
    with KeptLogs(level="debug"):
        assert logging.getLogger("sightline").level == logging.NOTSET


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"level": "loud"}, "expected a level of debug, .*got 'loud'"),
        ({"topic": "a b"}, "expected a topic"),
        ({"files": 1}, "2 or more, got .* and 1"),
        ({"most_bytes": 0}, "1 byte or more.*got 0"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, bus: MemoryBus, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        KeptLogs(**{"file": tmp_path / "mux.log", "bus": bus, "topic": "logs", **wrong})


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing/mux\.log cannot be written: No such file"):
        KeptLogs(tmp_path / "missing" / "mux.log")
