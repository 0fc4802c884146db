"""The processes of one turn: a broker, a feeder, a contender; and what is left when they have ended."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import confluent_kafka
import msgspec
import numpy as np
import psutil
from numpy.typing import NDArray
from tools.services import KafkaBroker
from tools.services.process import Process, StartFailed

from benches.bench import WrongWork
from benches.clips import ROOT
from benches.measuring import MB
from benches.muxes.feeder import Feed
from benches.muxes.judging import Shown
from sightline.bus.kafka_address import KafkaAddress
from sightline.bus.kafka_topics import KafkaTopics

_ALIVE_S: Final = 30.0
_PATIENCE_S: Final = 300.0
_TICK_S: Final = 0.1


class Message(NamedTuple):
    """One of an output topic."""

    value: bytes
    headers: dict[str, bytes]


class Ended(NamedTuple):
    """What a turn left.

    Attributes:
        told: figures of the contender's own; `cpu_s` is of all its threads from the first packet on.
        fed_ns: UTC ns at which each access unit went, by camera and number.
        threads, rss_mb: of its process, the most that was seen.
        broker_cpu_s: what the broker spent meanwhile.
    """

    told: dict[str, float]
    shown: Shown
    fed_ns: NDArray[np.int64]
    sent: dict[int, list[Message]]
    wall_s: float
    threads: int
    rss_mb: float
    broker_cpu_s: float


def play(
    python: Path, contender: str, streams: Sequence[Sequence[bytes]], fps: float, *, paced: bool, **told: Any
) -> Ended:
    """One turn. Raises WrongWork where a process does not do its part."""
    with TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        broker = running.enter_context(_broker(folder / "broker"))
        cameras: list[str] = told["cameras"]
        topics = KafkaTopics(KafkaAddress.of(f"kafka://{broker.address}"))
        for topic in [f"{kind}_{camera}" for camera in cameras for kind in ("raw", "stream")]:
            topics.create(topic, retention_s=None, retention_bytes=None)
        feed = Feed(str(folder), broker.address, cameras, [list(stream) for stream in streams], fps, paced)
        (folder / "feed").write_bytes(msgspec.msgpack.encode(feed))
        job = json.dumps({"folder": name, "servers": broker.address, **told})
        contends = _process(
            running, folder, "contender", [str(python), "-m", "benches.muxes", contender, job]
        )
        feeding = [sys.executable, "-m", "benches.muxes.feeder", str(folder / "feed")]
        feeder = _process(running, folder, "feeder", feeding)
        begin_s, broker_s = time.perf_counter(), _cpu_s(broker.pid)
        contends.tell("go")
        feeder.tell("go")
        watched = _Watched(contends)
        watched.until((folder / "fed.npy"), feeder)
        contends.tell("fed")
        watched.until((folder / "told.json"), contends)
        return Ended(
            told=json.loads((folder / "told.json").read_text()),
            shown=Shown(**np.load(folder / "shown.npz")),
            fed_ns=np.load(folder / "fed.npy"),
            wall_s=time.perf_counter() - begin_s,
            broker_cpu_s=_cpu_s(broker.pid) - broker_s,
            sent={number: _read(broker.address, f"stream_{camera}") for number, camera in enumerate(cameras)},
            threads=watched.threads,
            rss_mb=watched.rss_mb,
        )


class _Watched:
    """The most threads and memory that a process had."""

    def __init__(self, process: Process) -> None:
        self.threads, self.rss_mb = 0, 0.0
        self._process = psutil.Process(process.pid or 0)

    def until(self, there: Path, by: Process) -> None:
        """Raises WrongWork where it takes too long, or who makes it ends before."""
        patience_s = time.monotonic() + _PATIENCE_S
        while not there.exists():
            if by.pid is None or time.monotonic() > patience_s:
                raise WrongWork(f"{by.name} came to no end\n{by.log_tail()}")
            self.threads = max(self.threads, self._process.num_threads())
            self.rss_mb = max(self.rss_mb, self._process.memory_info().rss / MB)
            time.sleep(_TICK_S)


@contextmanager
def _broker(folder: Path) -> Iterator[KafkaBroker]:
    folder.mkdir()
    with KafkaBroker(folder) as broker:
        yield broker


def _process(running: ExitStack, folder: Path, name: str, command: list[str]) -> Process:
    ready = folder / {"contender": "ready", "feeder": "feeder-ready"}[name]
    process = Process(
        name,
        command,
        folder,
        ready=ready.exists,
        ready_within_s=_ALIVE_S,
        environment={"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "PYTHONWARNINGS": "ignore"},
    )
    try:
        running.enter_context(process)
    except StartFailed as failed:
        raise WrongWork(str(failed)) from None
    running.callback(process.kill)
    return process


def _cpu_s(pid: int | None) -> float:
    times = psutil.Process(pid or 0).cpu_times()
    return float(times.user + times.system)


def _read(servers: str, topic: str) -> list[Message]:
    """All that is in a topic now."""
    consumer = confluent_kafka.Consumer(
        KafkaAddress.of(f"kafka://{servers}").consumer() | {"group.id": "judge"}
    )
    try:
        partition = confluent_kafka.TopicPartition(topic, 0, 0)
        _, end = consumer.get_watermark_offsets(partition, timeout=10)
        consumer.assign([partition])
        messages: list[Message] = []
        while len(messages) < end:
            got = consumer.consume(min(1000, end - len(messages)), timeout=10)
            if not got:
                raise WrongWork(f"{topic} has {end} messages, and gave {len(messages)}")
            messages += [Message(one.value() or b"", _headers(one)) for one in got]
        return messages
    finally:
        consumer.close()


def _headers(message: Any) -> dict[str, bytes]:
    return dict(message.headers() or [])
