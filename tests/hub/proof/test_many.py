"""One hub, four writers, fifty readers of all kinds, each a process."""

import time
from itertools import cycle, islice
from pathlib import Path

import pytest
from tests.hub.proof.company import Company
from tests.hub.proof.history import Heard, check
from tests.hub.proof.parts import Reader, Writer

from sightline.hub.settings import ReaderBuffer
from sightline.overflow import Overflow

pytestmark = pytest.mark.alone

CHANNELS = 4
READERS = 50
SECONDS = 10.0
KINDS = (
    (ReaderBuffer(messages=500, overflow=Overflow.BLOCK), 0.0),
    (ReaderBuffer.endless(), 0.0),
    (ReaderBuffer(messages=100), 0.02),
    (ReaderBuffer(messages=1, overflow=Overflow.DROP_OLDEST), 0.05),
    (ReaderBuffer(messages=30, overflow=Overflow.DROP_NEWEST), 0.02),
    (ReaderBuffer(messages=30, overflow=Overflow.CLEAR), 0.02),
    (ReaderBuffer(messages=200, bytes=300_000), 0.01),
    (ReaderBuffer(messages=100, every=5), 0.0),
    (ReaderBuffer(messages=100, per_s=20), 0.0),
    (ReaderBuffer(messages=100, age_s=0.2), 0.02),
)


def test_nothing_is_lost_where_that_was_asked_and_elsewhere_drops_are_counted_and_told(
    tmp_path: Path,
) -> None:
    with Company(tmp_path, CHANNELS) as company:
        readers = [
            Reader(
                folder=str(tmp_path),
                name=f"reader{number}",
                port=company.port,
                channels=(number % CHANNELS,),
                buffer=buffer,
                pause_s=pause_s,
            )
            for number, (buffer, pause_s) in enumerate(islice(cycle(KINDS), READERS))
        ]
        writers = [
            Writer(
                folder=str(tmp_path),
                name=f"writer{number}",
                port=company.port,
                number=number,
                channels=(number, (number + 1) % CHANNELS),
                sizes=(40, 100, 4000, 300_000),
                per_s=400,
            )
            for number in range(4)
        ]
        company.start(*readers, early=True)
        company.start(*writers)
        memory_mb = []
        for _ in range(10):
            time.sleep(SECONDS / 10)
            memory_mb.append(company.hub_mb())
        company.stop(Writer)
        company.drain()
        company.stop(Reader)
        written, heard = company.histories()
    assert check(written, heard) == []
    assert all(one.early and one.drained and one.one_hub and one.counted for one in heard)
    # Each kind did what it is for, or this has shown nothing.
    for buffer, _ in KINDS:
        dropped = sum(
            _dropped(one) for one, reader in zip(heard, readers, strict=True) if reader.buffer is buffer
        )
        assert (dropped == 0) == (buffer.overflow is Overflow.BLOCK or buffer.unbounded), buffer
    assert max(memory_mb[3:]) - memory_mb[2] < 3, memory_mb


def _dropped(heard: Heard) -> int:
    return sum(heard.counted.dropped.values()) if heard.counted else 0
