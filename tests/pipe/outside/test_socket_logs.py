"""Records of a log on their way over socket.io, with real clients and servers of python-socketio."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.outside.receiving import SOON_S, Command, Plain, Receiving, Sending, numbers_in

from sightline.errors import ConfigError, MissingExtra
from sightline.pipe import DestinationRoutine, Pipe, SourceRoutine, Wire, get_socket_logger
from sightline.pipe.outside.log_address import VARIABLE
from sightline.pipe.outside.log_entry import MOST_TEXT
from sightline.pipe.outside.log_outbox import MOST_RECORDS
from sightline.pipe.outside.socket_handler import SocketHandler


@pytest.fixture
def receiving(no_leaks: None) -> Iterator[Receiving]:
    with Receiving() as receiver:
        yield receiver


def test_records_arrive_in_order_and_are_counted(receiving: Receiving, wait_for: WaitFor) -> None:
    with Sending(receiving.url) as sending:
        for number in range(2000):
            sending.say(f"{number}")
        wait_for(lambda: sending.handler.stats().delivered == 2000, SOON_S, "all to be confirmed")
    assert receiving.messages == [f"{number}" for number in range(2000)]
    assert [entry.number for entry in receiving.entries] == list(range(1, 2001))
    assert sending.handler.stats().balanced
    assert not sending.dropped


def test_a_batch_of_the_worst_texts_is_not_too_large(receiving: Receiving, wait_for: WaitFor) -> None:
    with Sending(receiving.url) as sending:
        for _ in range(50):
            sending.say("\x01" * MOST_TEXT)
            sending.say("\u05d0" * MOST_TEXT)
        wait_for(lambda: not sending.handler.stats().held, SOON_S, "all to be sent")
    assert not sending.dropped
    assert len(receiving.entries) == 100


def test_what_waits_at_the_end_is_still_sent(receiving: Receiving) -> None:
    with Sending(receiving.url) as sending:
        sending.say("the last words")
    assert receiving.messages == ["the last words"]


def test_a_script_that_ends_at_once_has_said_all(receiving: Receiving) -> None:
    script = (
        "import logging, sys; from sightline.pipe import get_socket_logger\n"
        "log = get_socket_logger('seen', 'INFO', url=sys.argv[1])\n"
        "for number in range(100): log.info('%d', number)"
    )
    subprocess.run([sys.executable, "-c", script, receiving.url], check=True, timeout=60)
    assert receiving.messages == [f"{number}" for number in range(100)]


def test_a_receiver_of_piperts_gets_what_it_reads(no_leaks: None, wait_for: WaitFor) -> None:
    with Plain() as plain, Sending(f"{plain.url}/api/socketio") as sending:
        sending.handler.tell_structure({"Routines": [], "Events": ["start"]})
        for number in range(600):
            sending.say(f"{number}", side="input", picture=b"\xff\xd8\xff" if number == 9 else b"")
        wait_for(lambda: len(plain.records) == 600, SOON_S, "all records")
        wait_for(lambda: sending.handler.stats().delivered == 600, SOON_S, "all to be counted")
        wait_for(lambda: plain.structures, SOON_S, "the structure")
    assert {"time", "source", "level", "message"} <= plain.records[0].keys()
    messages = [record["message"] for record in plain.records]
    assert "input: , 'data': {'image_base64': '/9j/'}" in messages
    assert [one for one in messages if one.isdigit()] == [f"{number}" for number in range(600) if number != 9]
    assert plain.structures[0]["message"] == "{'Routines': [], 'Events': ['start']}"


# A receiver that is not well.


def test_nobody_waits_for_a_receiver_that_is_not_there(
    no_leaks: None, free_port: Callable[[], int], wait_for: WaitFor
) -> None:
    with Sending(f"http://127.0.0.1:{free_port()}") as sending:
        begun_s = time.monotonic()
        for number in range(MOST_RECORDS + 500):
            sending.say(f"{number}")
        assert time.monotonic() - begun_s < SOON_S / 2
        stats = sending.handler.stats()
        assert (stats.entered, stats.held, stats.dropped) == (
            MOST_RECORDS + 500,
            MOST_RECORDS,
            {"overflow": 500},
        )
    assert sending.handler.stats().dropped == {"overflow": 500, "closed": MOST_RECORDS}


def test_nobody_waits_for_a_receiver_that_takes_its_time(receiving: Receiving, wait_for: WaitFor) -> None:
    receiving.may_take.clear()
    with Sending(receiving.url) as sending:
        sending.say("first")
        assert receiving.taking.wait(SOON_S)
        for number in range(MOST_RECORDS + 500):
            sending.say(f"{number}")
        stats = sending.handler.stats()
        assert stats.balanced
        assert stats.held == MOST_RECORDS + 1
        receiving.may_take.set()
        wait_for(lambda: not sending.handler.stats().held, SOON_S, "all to be confirmed")
    assert receiving.messages == ["first", *(f"{number}" for number in range(500, MOST_RECORDS + 500))]
    assert receiving.stats().dropped == {"overflow": 500}


def test_a_receiver_that_says_nothing_is_left_in_the_end(no_leaks: None, silent_port: int) -> None:
    sending = Sending(f"http://127.0.0.1:{silent_port}")
    sending.say("hello?")
    begun_s = time.monotonic()
    sending.handler.close()
    assert time.monotonic() - begun_s < SOON_S
    assert sending.handler.stats().dropped == {"closed": 1}
    assert sending.handler._thread is not None
    sending.handler._thread.join(SOON_S)


def newest_in(output: Path) -> int:
    return max(numbers_in(output), default=0)


def is_beyond(value: Callable[[], int], bound: int) -> bool:
    return value() > bound


def test_a_receiver_may_be_killed_and_come_again(
    no_leaks: None, free_port: Callable[[], int], tmp_path: Path, wait_for: WaitFor
) -> None:
    port, output = free_port(), tmp_path / "told.jsonl"
    newest = partial(newest_in, output)
    over = threading.Event()

    def talk() -> None:
        while not over.wait(0.001):
            sending.say("as ever")

    command = Command(port, output)
    with Sending(f"http://127.0.0.1:{port}") as sending:
        talking = threading.Thread(target=talk)
        talking.start()
        try:
            for _ in range(3):
                newer = sending.handler.stats().entered
                wait_for(partial(is_beyond, newest, newer), SOON_S, "it")
                command.kill()
                later = sending.handler.stats().entered + 100
                wait_for(partial(is_beyond, lambda: sending.handler.stats().entered, later), SOON_S, "more")
                command = Command(port, output)
        finally:
            over.set()
            talking.join()
        wait_for(lambda: not sending.handler.stats().held, SOON_S, "all to be sent")
        stats = sending.handler.stats()
        delivered = stats.delivered
        wait_for(lambda: len(numbers_in(output)) >= delivered, SOON_S, "what was confirmed")
        command.kill()
    numbers = numbers_in(output)
    unconfirmed = stats.dropped.get("unconfirmed", 0)
    assert stats.balanced
    assert set(stats.dropped) <= {"unconfirmed", "overflow"}
    assert len(numbers) == len(set(numbers))
    assert set(numbers) <= set(range(1, stats.entered + 1))
    assert delivered <= len(numbers) <= delivered + unconfirmed


def test_both_ends_of_its_absence_are_told_and_nothing_between(
    no_leaks: None, free_port: Callable[[], int], caplog: pytest.LogCaptureFixture, wait_for: WaitFor
) -> None:
    port = free_port()
    with Sending(f"http://127.0.0.1:{port}") as sending:
        sending.say("hello?")
        wait_for(lambda: "no receiver of logs" in caplog.text, SOON_S, "its absence to be told")
        with Receiving(port=port) as receiver:
            receiver.wait_for("hello?")
            wait_for(lambda: "logs are sent again" in caplog.text, SOON_S, "its presence to be told")
    told = [record.getMessage() for record in caplog.records if record.name == "sightline.logs"]
    assert [line.split(" receiver=")[0] for line in told[:2]] == [
        "no receiver of logs",
        "logs are sent again",
    ]


def test_a_receiver_that_takes_nothing_is_tried_ever_less_often(
    no_leaks: None, caplog: pytest.LogCaptureFixture, wait_for: WaitFor
) -> None:
    batches = []

    class Refusing(Receiving):
        async def _batch(self, _sid: str, said: Any = None) -> int:
            batches.append(time.monotonic())
            return -1

    with Refusing() as receiver, Sending(receiver.url) as sending:
        while len(batches) < 4:
            sending.say("as ever")
            time.sleep(0.005)
    assert batches[3] - batches[0] > (0.25 + 0.5 + 1.0) / 2
    assert sending.handler.stats().balanced
    assert caplog.text.count("no receiver of logs") == 1
    assert "logs are sent again" not in caplog.text


def test_without_a_thread_records_wait_and_nobody_is_failed(
    receiving: Receiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with Sending(receiving.url) as sending:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", none_left)
            sending.say("while there is none")
        sending.say("when there is one")
    assert receiving.messages == ["while there is none", "when there is one"]


def test_a_forked_process_is_a_sender_of_its_own(receiving: Receiving) -> None:
    script = (
        "import logging, os, sys; from sightline.pipe import get_socket_logger\n"
        "log = get_socket_logger('seen', 'INFO', url=sys.argv[1])\n"
        "log.info('before')\n"
        "child = os.fork()\n"
        "log.info('of the %s', 'parent' if child else 'child')\n"
        "if child: os.waitpid(child, 0)\n"
    )
    subprocess.run([sys.executable, "-c", script, receiving.url], check=True, timeout=60)
    assert sorted(receiving.messages) == ["before", "of the child", "of the parent"]


# As a user types it.


def test_called_again_it_is_the_same_logger_with_one_handler(
    no_leaks: None, loggers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "http://localhost:3000")
    logger = get_socket_logger("seen", logging.INFO)
    assert get_socket_logger("seen", "ERROR") is logger
    assert (len(logger.handlers), logger.level, logger.propagate) == (1, logging.ERROR, False)
    first = logger.handlers[0]
    get_socket_logger("seen", logging.INFO, url="http://localhost:3001")
    assert len(logger.handlers) == 1
    assert logger.handlers[0] is not first


def test_a_logger_whose_handler_was_closed_has_a_new_one(receiving: Receiving, loggers: None) -> None:
    for message in ("of one pipe", "of the next"):
        logger = get_socket_logger("seen", logging.INFO, url=receiving.url)
        logger.info(message)
        (handler,) = logger.handlers
        handler.close()
    assert receiving.messages == ["of one pipe", "of the next"]


def test_a_receiver_that_nobody_named_is_missed_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=f"in {VARIABLE}, in the environment or in the file .env"):
        get_socket_logger("seen", logging.INFO)


@pytest.mark.parametrize(
    ("name", "level"), [("", logging.INFO), (3, logging.INFO), ("seen", "LOUD"), ("seen", [])]
)
def test_what_cannot_be_is_told(loggers: None, name: Any, level: Any) -> None:
    with pytest.raises(ConfigError, match="expected a (name for the logger|level such as)"):
        get_socket_logger(name, level, url="http://localhost:3000")
    assert not logging.getLogger("seen").handlers


@pytest.mark.parametrize("missing", ["socketio", "websocket"])
def test_a_missing_extra_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtra, match=r"pip install 'sightline\[logs\]'"):
        get_socket_logger("seen", logging.INFO, url="http://localhost:3000")


class Says(SourceRoutine):
    def main_logic(self) -> str:
        self.logger.warning("from within", extra={"lux": 3, "odd": threading.Lock()})
        raise StopIteration


class Fails(DestinationRoutine):
    def setup(self) -> None:
        raise OSError("no such camera")

    def main_logic(self, data: str) -> None: ...


def test_a_pipes_records_say_flow_routine_and_process(receiving: Receiving, loggers: None) -> None:
    with Pipe(logger=get_socket_logger("seen", logging.INFO, url=receiving.url)) as pipe:
        says, fails = Says("says"), Fails("fails")
        pipe.create_flow("one", False, says)
        pipe.create_flow("other", False, fails)
        pipe.link(Wire(says, fails))
        pipe.build()
        pids = pipe.pids
        pipe.notify_event("start")
        said = receiving.wait_for("from within")
        failed = receiving.first(lambda entry: entry.traceback, "a traceback")
    assert (said.pipe, said.flow, said.routine, said.process) == ("seen", "one", "says", pids["one"])
    assert said.extra["lux"] == 3
    assert (failed.flow, failed.routine, failed.level) == ("other", "fails", "ERROR")
    assert failed.traceback.endswith("OSError: no such camera")


def test_a_receiver_is_told_what_the_pipe_is_made_of(
    no_leaks: None, loggers: None, wait_for: WaitFor
) -> None:
    with Plain() as plain:
        with Pipe(logger=get_socket_logger("seen", logging.INFO, url=plain.url)) as pipe:
            pipe.create_flow("one", True, Says("says"), Fails("fails"))
            pipe.build()
            pipe.notify_event("start")
            wait_for(lambda: plain.structures and plain.records, SOON_S, "its structure, and a record")
        handler = logging.getLogger("seen").handlers[0]
        assert isinstance(handler, SocketHandler)
        handler.close()
    assert plain.structures[0]["message"] == repr(pipe.get_pipe_structure())
