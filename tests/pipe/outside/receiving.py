"""Receivers of logs for tests: ours, and one as PipeRT's users have it, by python-socketio alone."""

import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import socketio
import uvicorn
from tools.services.waiting import wait_for

from sightline.pipe.outside.log_address import LogAddress
from sightline.pipe.outside.log_entry import LogEntry
from sightline.pipe.outside.log_receiver import LogReceiver
from sightline.pipe.outside.socket_handler import SocketHandler

SOON_S = 20.0


class Receiving(LogReceiver):
    """Ours; keeps what came, and takes no more while it is told to wait."""

    def __init__(self, **settings: Any) -> None:
        self.entries: list[LogEntry] = []
        self.may_take = threading.Event()
        self.may_take.set()
        self.taking = threading.Event()
        super().__init__(self._take_in, **{"port": 0, **settings})

    def _take_in(self, entries: Sequence[LogEntry]) -> None:
        self.taking.set()
        self.may_take.wait(SOON_S)
        self.entries.extend(entries)

    @property
    def messages(self) -> list[str]:
        return [entry.message for entry in self.entries]

    def wait_for(self, message: str) -> LogEntry:
        return self.first(lambda entry: entry.message == message, f"the record {message!r}")

    def first(self, is_it: Callable[[LogEntry], object], what: str) -> LogEntry:
        """The first of that kind, once it is here."""
        wait_for(lambda: any(map(is_it, list(self.entries))), SOON_S, what)
        return next(filter(is_it, list(self.entries)))


class Plain:
    """A server of python-socketio that has a handler for `log`, and knows nothing of ours."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.structures: list[Any] = []
        sio = socketio.AsyncServer(async_mode="asgi")
        sio.on("log", self._record)
        sio.on("pipe_creation", lambda _sid, text: self.structures.append(json.loads(text)))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._server = uvicorn.Server(
            uvicorn.Config(socketio.ASGIApp(sio), log_config=None, ws="wsproto", lifespan="off")
        )
        self._thread = threading.Thread(target=self._server.run, args=([self._listening],))

    async def _record(self, _sid: str, text: str) -> None:
        self.records.append(json.loads(text))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()
        self._listening.close()


class Command:
    """`sightline logs --json` in a process of its own, which may be killed; what it told so far."""

    def __init__(self, port: int, output: Path) -> None:
        with output.open("a") as told_here:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sightline", "logs", "--port", str(port), "--json"],
                stdout=told_here,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert self.process.stderr is not None
        told = self.process.stderr.readline()
        assert told.startswith("listening for logs at"), told + self.process.stderr.read()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def numbers_in(output: Path) -> list[int]:
    """Of the records that such a process printed; the last line may not be whole."""
    lines = output.read_text().splitlines(keepends=True)
    return [json.loads(line)["number"] for line in lines if line.endswith("\n")]


class Sending:
    """A handler, and records that it is given."""

    def __init__(self, url: str) -> None:
        self.handler = SocketHandler(LogAddress.of(url), "seen")

    def say(self, message: str, **facts: Any) -> None:
        record = logging.LogRecord("seen", logging.INFO, __file__, 1, message, (), None)
        vars(record).update(facts)
        self.handler.handle(record)

    @property
    def dropped(self) -> int:
        return sum(self.handler.stats().dropped.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.handler.close()
