"""A hub and those who talk over it, each a process of its own; any of them may be killed and replaced.

Afterwards `histories` gives what all of them wrote down, those that were killed too.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import msgspec
import psutil
from tests.hub.proof.history import Counted, Event, Heard, Written
from tests.hub.proof.numbers import Numbers
from tests.hub.proof.parts import (
    ALIVE_S,
    CHANNELS,
    DONE,
    PROGRESS,
    READY,
    Part,
    Reader,
    Writer,
    channel_name,
    events_file,
    numbers_file,
    places,
)
from tools.services import Process
from tools.services.ports import free_port
from tools.services.waiting import wait_for

from sightline.hub import StreamClient, StreamServer
from sightline.hub.broker.statistics import FeedStats, HubStats
from sightline.overflow import Overflow

ROOT: Final = Path(__file__).resolve().parents[3]
MB: Final = 1_000_000
REST_S: Final = 60.0
"""Until what is on its way has come, however slow its reader is."""


@dataclass
class Member:
    """A process and what it was told.

    Attributes:
        began, ended: how many hubs there had been when it became ready, and when it was over.
        early: whether it was there before the first message.
        killed: whether it ended without a word.
    """

    part: Part
    process: Process
    numbers: Numbers
    began: int
    early: bool
    ended: int | None = None
    killed: bool = False
    counted: dict[int, Counted] = field(default_factory=dict)


class Company:
    """All of them. Also the judge: a client that owns the channels and asks the hub for its counts."""

    def __init__(self, folder: Path, channels: int) -> None:
        self.folder = folder
        self.port = free_port()
        self.hubs = 0
        self.members: dict[str, Member] = {}
        self._channels = range(channels)
        self._server: StreamServer | None = None
        self._running = ExitStack()
        self._judge = StreamClient("judge", "127.0.0.1", port=self.port)

    def __enter__(self) -> Self:
        self.start_hub()
        self._judge.start()
        self._running.callback(self._judge.stop_client)
        self._judge.wait_until_alive(ALIVE_S)
        for channel in self._channels:
            self._judge.create_new_channel(channel_name(channel), many_writers=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()
        if self._server is not None:
            self._server.stop()

    # The hub.

    def start_hub(self) -> None:
        self._server = StreamServer("127.0.0.1", self.port)
        self._server.start(ALIVE_S)
        self.hubs += 1

    def kill_hub(self) -> None:
        assert self._server is not None
        assert self._server.pid is not None
        os.kill(self._server.pid, signal.SIGKILL)
        self._server.join(ALIVE_S)
        self._server.stop()

    def statistics(self) -> HubStats:
        return self._judge.server_statistics()

    def hub_mb(self) -> float:
        """Memory that the hub's process has."""
        assert self._server is not None
        assert self._server.pid is not None
        return float(psutil.Process(self._server.pid).memory_info().rss) / MB

    # The others.

    def start(self, *parts: Part, early: bool = False) -> None:
        """All at once; returns when all are ready."""
        began = [self._begin(part, early=early) for part in parts]
        for member in began:
            name = member.part.name
            wait_for(lambda: member.numbers[READY] or _gone(member), ALIVE_S, f"{name} to be ready")  # noqa: B023
            assert not _gone(member), member.process.log_tail()

    def _begin(self, part: Part, *, early: bool) -> Member:
        numbers = Numbers(numbers_file(part), places(part))
        told = msgspec.json.encode(part).decode()
        process = Process(
            part.name,
            [sys.executable, "-m", "tests.hub.proof.parts", told],
            self.folder,
            ready=lambda: True,
            environment={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        )
        self._running.enter_context(process)
        self._running.callback(process.kill)
        member = self.members[part.name] = Member(part, process, numbers, self.hubs, early)
        return member

    def kill(self, name: str) -> None:
        member = self.members[name]
        member.process.kill()
        member.killed, member.ended = True, self.hubs

    def alive(self, *kinds: type) -> list[Member]:
        return [
            one for one in self.members.values() if not one.killed and isinstance(one.part, kinds or object)
        ]

    def progress(self) -> dict[str, int]:
        """How far all have come that are alive."""
        for one in self.alive():
            assert not _gone(one), one.process.log_tail()
        return {one.part.name: one.numbers[PROGRESS] for one in self.alive()}

    def stop(self, *kinds: type) -> None:
        """They are asked to end, and have done so when this returns."""
        members = self.alive(*kinds)
        for member in members:
            member.process.tell("stop")
        for member in members:
            wait_for(lambda: member.numbers[DONE] or _gone(member), REST_S, f"{member.part.name} to be done")  # noqa: B023
            assert member.numbers[DONE], member.process.log_tail()
            member.ended = self.hubs

    # What is to be held against each other.

    def drain(self) -> None:
        """Once writers have stopped: until readers have all that is for them, and the hub has counted it."""

        def empty() -> bool:
            return not any(feed.in_flight or feed.buffer.held for feed in self.statistics().feeds)

        wait_for(empty, REST_S, "readers to have all that is for them")
        for feed in self.statistics().feeds:
            self.members[feed.client].counted[_channel(feed)] = _counted(feed)

    def histories(self) -> tuple[list[Written], list[Heard]]:
        members = self.members.values()
        written = [one for member in members if isinstance(member.part, Writer) for one in _written(member)]
        heard = [
            one for member in members if isinstance(member.part, Reader) for one in _heard(member, self.hubs)
        ]
        return written, heard


def _gone(member: Member) -> bool:
    return member.process.pid is None


def _channel(feed: FeedStats) -> int:
    return int(feed.channel.removeprefix("channel"))


def _counted(feed: FeedStats) -> Counted:
    dropped = dict(feed.buffer.dropped)
    for reason, messages in feed.lost.items():
        dropped[reason] = dropped.get(reason, 0) + messages
    return Counted(feed.buffer.entered, feed.taken, dropped, feed.buffer.held, feed.in_flight)


def _written(member: Member) -> list[Written]:
    part = member.part
    assert isinstance(part, Writer)
    return [
        Written(
            part.number,
            channel,
            member.numbers[CHANNELS + 2 * place],
            None if member.killed else member.numbers[CHANNELS + 2 * place + 1],
        )
        for place, channel in enumerate(part.channels)
    ]


def _heard(member: Member, hubs: int) -> list[Heard]:
    part = member.part
    assert isinstance(part, Reader)
    file = events_file(part)
    lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
    whole_lines = [line for line in lines if line.endswith(b"\n")]  # the last may be cut by a kill
    events = [msgspec.json.decode(line, type=Event) for line in whole_lines]
    one_hub = member.began == (member.ended or hubs)
    return [
        Heard(
            part.name,
            channel,
            [event for event in events if event.channel == channel],
            lossless=part.buffer.overflow is Overflow.BLOCK or part.buffer.unbounded,
            early=member.early and member.began == 1,
            drained=not member.killed,
            one_hub=one_hub,
            counted=member.counted.get(channel) if one_hub else None,
        )
        for channel in part.channels
    ]
