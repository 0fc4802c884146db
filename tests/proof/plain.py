"""What tools that know nothing of Sightline write to Kafka, and what they read from it."""

import subprocess
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Producer, TopicPartition
from confluent_kafka import admin as of_admin
from confluent_kafka.cimpl import NewTopic

from sightline.codec import split

CHUNK_BYTES = 4096
READ_WITHIN_S = 60


class Film(NamedTuple):
    """Access units in the order of decoding, and what tells each one's picture from all others."""

    codec: str
    units: tuple[bytes, ...]
    pictures: tuple[str, ...]


class Written(NamedTuple):
    """Messages of a topic, and for each that an access unit begins in, the picture of the last that does."""

    values: list[bytes]
    pictures: dict[int, str]


class Printed(NamedTuple):
    """A message: bytes of its value, key, headers in order."""

    size: int
    key: str
    headers: dict[str, str]


def annex_b(film: Film) -> list[bytes]:
    return list(film.units)


def lengths(film: Film) -> list[bytes]:
    """Each NAL unit behind its length, as in MP4 (ISO/IEC 14496-15)."""
    return [b"".join(len(nal).to_bytes(4, "big") + nal for nal in split(unit)) for unit in film.units]


def whole(film: Film, form: Callable[[Film], list[bytes]] = annex_b) -> Written:
    """A message an access unit."""
    return Written(form(film), dict(enumerate(film.pictures)))


def chunked(film: Film, form: Callable[[Film], list[bytes]] = annex_b, size: int = CHUNK_BYTES) -> Written:
    """Messages of `size` bytes, whatever they cut."""
    units = form(film)
    stream = b"".join(units)
    values = [stream[at : at + size] for at in range(0, len(stream), size)]
    ends = list(accumulate(map(len, values)))
    starts = accumulate(map(len, units), initial=0)
    shown = (start + _shows(unit, film.codec) - 1 for start, unit in zip(starts, units, strict=False))
    begun = [bisect_right(ends, place) for place in shown]
    return Written(values, dict(zip(begun, film.pictures, strict=True)))  # of several, the last


def _shows(unit: bytes, codec: str) -> int:
    """How many of its bytes show that a unit begins: a JPEG's three, or the header of its first NAL unit and,
    of a slice, the byte behind."""
    if codec == "mjpeg":
        return 3
    start = 4 if unit[2] != 1 else 3
    as_annex_b = unit if unit[start - 1] == 1 and not any(unit[: start - 1]) else b"\0\0\1" + unit[4:]
    return start + (1 if codec == "h264" else 2) + (not _opens(as_annex_b, codec))


def _opens(unit: bytes, codec: str) -> bool:
    header = split(unit)[0][0]
    return header & 0x1F >= 6 if codec == "h264" else header >> 1 & 0x3F >= 32


class Plain:
    """A client of a broker: confluent-kafka where it writes, kcat where it reads."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self._admin = of_admin.AdminClient({"bootstrap.servers": servers, "log_level": 0})
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": True,
                "linger.ms": 1,
                "message.max.bytes": 8 * 2**20,
                "delivery.timeout.ms": 60_000,
                "log_level": 0,
                "delivery.report.only.error": True,
                "on_delivery": lambda error, message: self._lost.append(f"{message.topic()}: {error}"),
            }
        )
        self._lost: list[str] = []

    def create(self, *topics: str, **config: str) -> None:
        """Topics of one partition."""
        made = self._admin.create_topics([NewTopic(topic, 1, 1, config=config) for topic in topics])
        for future in made.values():
            future.result(30)

    def delete(self, *topics: str) -> None:
        for future in self._admin.delete_topics(list(topics)).values():
            future.result(30)

    def write(self, topic: str, values: Iterable[bytes]) -> None:
        """Messages in order, with their number as a header and the topic as their key."""
        for number, value in enumerate(values):
            self.send(topic, value, number)
        self.flush()

    def send(self, topic: str, value: bytes, number: int) -> None:
        headers: dict[str, str | bytes | None] = {"n": str(number)}
        while True:
            try:
                self._producer.produce(topic, value, topic, partition=0, headers=headers)
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def flush(self) -> None:
        assert self._producer.flush(60) == 0
        assert not self._lost, "messages of the test's own that the broker does not have"

    def count(self, topic: str) -> int:
        """How many messages a topic has."""
        newest: Any = of_admin.OffsetSpec  # type: ignore[attr-defined]  # it is there, unexported
        ends = self._admin.list_offsets({TopicPartition(topic, 0): newest.latest()})
        return sum(future.result(30).offset for future in ends.values())

    def values(self, topic: str) -> bytes:
        """All values of a topic behind each other, as kcat prints them."""
        return self._kcat(topic, "%s")

    def messages(self, topic: str) -> Iterator[Printed]:
        """Each message of a topic but for its value, as kcat prints it."""
        for line in self._kcat(topic, "%S\t%k\t%h\n").decode().splitlines():
            size, key, headers = line.split("\t")
            pairs = [pair.partition("=") for pair in headers.split(",")]
            yield Printed(int(size), key, {name: value for name, _, value in pairs})

    def _kcat(self, topic: str, form: str) -> bytes:
        command = ["kcat", "-C", "-q", "-b", self.servers, "-t", topic, "-p", "0", "-o", "beginning", "-e"]
        command += ["-X", "fetch.message.max.bytes=8388608", "-f", form]
        done = subprocess.run(command, capture_output=True, timeout=READ_WITHIN_S, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


def kcat_writes(servers: str, topic: str, values: Sequence[bytes], folder: Path) -> None:
    """kcat as the producer: each file a message."""
    files = []
    for number, value in enumerate(values):
        files.append(folder / f"{number:05}")
        files[-1].write_bytes(value)
    command = [
        "kcat",
        "-P",
        "-q",
        "-X",
        "enable.idempotence=true",  # a batch that it sends again would come after the next one
        "-b",
        servers,
        "-t",
        topic,
        "-p",
        "0",
        "-k",
        topic,
        "-H",
        "n=kcat",
        *map(str, files),
    ]
    subprocess.run(command, check=True, timeout=READ_WITHIN_S, capture_output=True)


def played(stream: bytes, codec: str) -> list[str]:
    """What ffmpeg makes of a stream: a checksum of each picture, in the order in which they are shown."""
    command = ["ffmpeg", "-v", "error", "-xerror", "-f", codec, "-i", "-", "-f", "framemd5", "-"]
    done = subprocess.run(command, input=stream, capture_output=True, timeout=READ_WITHIN_S, check=False)
    assert done.returncode == 0, done.stderr.decode()
    lines = (line for line in done.stdout.decode().splitlines() if line and not line.startswith("#"))
    return [line.split(",")[-1].strip() for line in lines]
