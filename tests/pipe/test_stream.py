"""Values over a socket, in the rare cases; the usual ones are those of trunks."""

import os
import pickle
import resource
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sightline.pipe.wires.stream import Stream


@pytest.fixture
def ends(no_leaks: None) -> Iterator[tuple[Stream, Stream]]:
    pair = tuple(map(Stream, socket.socketpair()))
    yield pair  # type: ignore[misc]
    for end in pair:
        end.close()


def read(end: Stream, other: Stream, count: int) -> list[object]:
    values: list[object] = []
    while len(values) < count:
        other.flush()
        values += end.read()
    return values


def test_a_value_may_have_more_buffers_than_a_read_takes(ends: tuple[Stream, Stream]) -> None:
    many = [b"%d" % number for number in range(50_000)]
    ends[0].put([pickle.PickleBuffer(one) for one in many])
    ends[0].put("next")
    came, behind = read(ends[1], ends[0], 2)
    assert [bytes(one) for one in came] == many  # type: ignore[attr-defined]
    assert behind == "next"


def test_a_descriptor_that_cannot_be_had_is_told_and_the_next_comes_with_its_own(
    ends: tuple[Stream, Stream],
) -> None:
    """Else what belongs to the second would be taken for the first one's."""
    with Path(os.devnull).open() as file:
        ends[0].put("first", file.fileno())
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    ends[0].flush()
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, most[1]))
    try:
        assert list(ends[1].read()) == ["first"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, most)
    with Path(os.devnull).open() as file:
        ends[0].put("second", file.fileno())
    assert read(ends[1], ends[0], 1) == ["second"]
    first, second = ends[1].fds
    assert first is None
    assert second is not None


def test_a_child_of_fork_has_no_end(ends: tuple[Stream, Stream]) -> None:
    """Else the other end would not hear that this one is gone as long as the child lives."""
    waits, go = os.pipe()
    child = os.fork()
    if not child:
        os.close(go)
        os.read(waits, 1)
        os._exit(0)
    ends[0].close()
    came = select.select([ends[1]], [], [], 20)[0]
    os.close(go)
    os.close(waits)
    assert os.waitpid(child, 0)[1] == 0
    assert came
    with pytest.raises(EOFError):
        list(ends[1].read())
