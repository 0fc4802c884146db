"""A reader whose cable was pulled: what the channel keeps comes, in order and once, and the rest is a gap.

With sockets, for each kind of history, with groups, over TCP and TLS; what a history keeps is tried without
them, in `tests/hub/broker`.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.cable import Cable
from tools.services.waiting import wait_for

from sightline.hub import Gap, History, Message, Overflow, Reader, StreamClient, StreamServer
from sightline.hub.address import HubAddress
from sightline.hub.certificates import Authority
from sightline.hub.settings import KIB, ReaderBuffer
from sightline.hub.wire.control import Commit

SOON_S = 10.0
_names = (f"resuming {number}" for number in itertools.count())

Seen = int | tuple[int, str]
"""An offset that came, or one that is told to be missing, and why: gaps that adjoin may come as one."""


class Wired:
    """A hub, a writer beside it, and a reader at the other end of a cable."""

    def __init__(self, server: StreamServer, cable: Cable, options: str, running: ExitStack) -> None:
        self.cable = cable
        self.name = next(_names)
        self.writer = self._client(running, f"{self.name} writer", f"hub://127.0.0.1:{server.port}{options}")
        self.reader = self._client(running, f"{self.name} reader", f"hub://127.0.0.1:{cable.port}{options}")

    def _client(self, running: ExitStack, name: str, url: str) -> StreamClient:
        return running.enter_context(StreamClient(name, **HubAddress.of(url).client_settings()))

    def channel(self, history: History | None) -> None:
        self.writer.create_new_channel(self.name, history=history)

    def reads(self, **settings: object) -> Reader:
        reader = self.reader.subscribe_read_channel(self.name, **settings)  # type: ignore[arg-type]
        self.writer.wait_for_active(self.name, SOON_S)
        return reader

    def puts(self, *values: bytes, key: bytes | None = None, keyframe: bool = False) -> None:
        for value in values:
            assert self.writer.put_data(self.name, value, key=key, keyframe=keyframe, timeout_s=SOON_S)
        self.writer.flush(self.name, SOON_S)

    def pull(self) -> None:
        """Until the hub and the reader have found out."""
        self.cable.pull()
        wait_for(lambda: not self.reader.is_alive, SOON_S, "the reader to notice")
        wait_for(lambda: self.reader.name not in self._clients(), SOON_S, "the hub to notice")

    def plug(self) -> None:
        self.cable.plug()
        wait_for(lambda: self.reader.is_alive, SOON_S, "the reader to be back")
        wait_for(self._readers, SOON_S, "its subscription to be back")

    def _readers(self) -> int:
        return sum(one.readers for one in self.writer.list_channels() if one.name == self.name)

    def _clients(self) -> set[str]:
        return {one.name for one in self.writer.list_clients()}

    def comes(self, until: int) -> list[Seen]:
        """What the reader is given, up to that offset."""
        seen: list[Seen] = []
        while not seen or _offset(seen[-1]) < until:
            seen += _seen(self.reader.get_message_or_gap(self.name, SOON_S))
        return seen


def _seen(one: Message | Gap) -> list[Seen]:
    if isinstance(one, Gap):
        assert one.messages == one.last_offset - one.first_offset + 1
        return gone(one.first_offset, one.last_offset, one.reason)
    assert bytes(one.value) == b"%d" % one.offset
    return [one.offset]


def _offset(seen: Seen) -> int:
    return seen if isinstance(seen, int) else seen[0]


def gone(first: int, last: int, reason: str = "disconnected") -> list[Seen]:
    return [(offset, reason) for offset in range(first, last + 1)]


def numbered(first: int, last: int) -> Sequence[bytes]:
    return [b"%d" % number for number in range(first, last + 1)]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    Authority(folder).hub(["127.0.0.1"])
    Authority(folder).client("camera")
    return folder


Serving = Callable[[], tuple[StreamServer, str]]


@pytest.fixture(scope="module", params=["tcp", "tls"])
def served(request: pytest.FixtureRequest, certificates: Path) -> Iterator[tuple[StreamServer, str]]:
    """A hub, and the options of its URL."""
    if request.param == "tcp":
        with StreamServer(port=0) as server:
            yield server, ""
        return
    of = {name: str(certificates / name) for name in ("ca.pem", "hub.pem", "hub.key")}
    with StreamServer(
        port=0, tls_certificate=of["hub.pem"], tls_key=of["hub.key"], tls_client_ca=of["ca.pem"]
    ) as server:
        ours = f"&tls_certificate={certificates}/client-camera.pem&tls_key={certificates}/client-camera.key"
        yield server, f"?tls_ca={of['ca.pem']}{ours}"


@pytest.fixture
def wired(served: tuple[StreamServer, str]) -> Iterator[Wired]:
    server, options = served
    with ExitStack() as running:
        cable = running.enter_context(Cable(server.port))
        yield Wired(server, cable, options, running)


def test_without_a_history_what_went_by_is_one_gap(wired: Wired) -> None:
    wired.channel(None)
    wired.reads()
    wired.puts(*numbered(0, 2))
    assert wired.comes(2) == [0, 1, 2]
    wired.pull()
    # Nobody reads any more, so that after a while nothing is wanted: until then it is taken in.
    wired.puts(*numbered(3, 6))
    wired.plug()
    wired.puts(*numbered(7, 8))
    assert wired.comes(8) == [*gone(3, 6), 7, 8]


@pytest.mark.parametrize(("kept", "expected"), [(10, [3, 4, 5, 6, 7]), (2, [*gone(3, 4), 5, 6, 7])])
def test_the_last_messages_come_as_far_as_they_are_kept(
    wired: Wired, kept: int, expected: list[Seen]
) -> None:
    wired.channel(History(messages=kept))
    wired.reads()
    wired.puts(*numbered(0, 2))
    assert wired.comes(2) == [0, 1, 2]
    wired.pull()
    wired.puts(*numbered(3, 6))
    wired.plug()
    wired.puts(b"7")
    assert wired.comes(7) == expected


def test_it_may_break_again_and_again(wired: Wired) -> None:
    wired.channel(History(messages=100))
    wired.reads()
    for begin in range(0, 50, 10):
        wired.puts(*numbered(begin, begin + 4))
        wired.pull()
        wired.puts(*numbered(begin + 5, begin + 9))
        wired.plug()
    assert wired.comes(49) == [*range(50)]


def test_what_had_come_and_was_not_taken_stays_and_comes_once(wired: Wired) -> None:
    wired.channel(History(messages=100))
    reader = wired.reads()
    wired.puts(*numbered(0, 9))
    wait_for(lambda: len(reader) == 10, SOON_S, "all of it to be there")
    wired.pull()
    wired.puts(b"10")
    assert wired.comes(4) == [0, 1, 2, 3, 4]
    wired.plug()
    assert wired.comes(10) == [5, 6, 7, 8, 9, 10]


def test_the_last_of_each_key_come_and_what_they_replaced_is_told_where_it_was(wired: Wired) -> None:
    wired.channel(History(kind="per_key"))
    wired.reads()
    wired.puts(b"0", key=b"a")
    assert wired.comes(0) == [0]
    wired.pull()
    for number, key in enumerate("abcbab", start=1):
        wired.puts(b"%d" % number, key=key.encode())
    wired.plug()
    wired.puts(b"7", key=b"d")
    told = [*gone(1, 2), 3, *gone(4, 4), 5, 6, 7]
    assert wired.comes(7) == told


def test_who_comes_back_to_a_stream_goes_on_with_its_pictures(wired: Wired) -> None:
    wired.channel(History(kind="keyframe"))
    wired.reads(server_full_behavior=Overflow.DROP_TO_KEYFRAME)
    wired.puts(b"0", keyframe=True)
    wired.puts(b"1")
    assert wired.comes(1) == [0, 1]
    wired.pull()
    wired.puts(b"2", b"3")
    wired.puts(b"4", keyframe=True)
    wired.puts(b"5")
    wired.plug()
    wired.puts(b"6")
    assert wired.comes(6) == [*gone(2, 3), 4, 5, 6]


def test_a_stream_of_which_nothing_is_missing_goes_on_within_its_gop(wired: Wired) -> None:
    wired.channel(History(kind="keyframe"))
    wired.reads(server_full_behavior=Overflow.DROP_TO_KEYFRAME)
    wired.puts(b"0", keyframe=True)
    wired.puts(b"1")
    assert wired.comes(1) == [0, 1]
    wired.pull()
    wired.puts(b"2", b"3")
    wired.plug()
    wired.puts(b"4")
    assert wired.comes(4) == [2, 3, 4]


def test_a_stream_of_which_something_was_missing_waits_for_a_keyframe(wired: Wired) -> None:
    """The history has what comes next, which needs what the reader was not given."""
    wired.channel(History(kind="keyframe"))
    wired.reads(server_full_behavior=Overflow.DROP_TO_KEYFRAME, server_buffer_size=1)
    wired.puts(b"0", keyframe=True)
    wired.puts(b"1", b"2")
    assert wired.comes(2) == [*gone(0, 0, "overflow"), *gone(1, 2, "awaiting_keyframe")]
    wired.pull()
    wired.puts(b"3")
    wired.plug()
    wired.puts(b"4")
    wired.puts(b"5", keyframe=True)
    assert wired.comes(5) == [*gone(3, 4, "awaiting_keyframe"), 5]


def test_a_gop_that_is_not_kept_whole_is_a_gap_up_to_the_next(wired: Wired) -> None:
    wired.channel(History(kind="keyframe", messages=2))
    wired.reads(server_full_behavior=Overflow.DROP_TO_KEYFRAME)
    wired.puts(b"0", keyframe=True)
    assert wired.comes(0) == [0]
    wired.pull()
    wired.puts(*numbered(1, 3))
    wired.plug()
    wired.puts(b"4")
    wired.puts(b"5", keyframe=True)
    assert wired.comes(5) == [*gone(1, 3), *gone(4, 4, "awaiting_keyframe"), 5]


@pytest.mark.parametrize("history", [History(messages=2), History(kind="per_key"), History(kind="keyframe")])
def test_a_group_goes_on_from_what_it_committed_whatever_the_history_keeps(
    wired: Wired, history: History
) -> None:
    wired.channel(history)
    group = f"group of {wired.name}"
    buffer = ReaderBuffer()
    wired.reader.subscribe([wired.name], group=group, buffer=buffer)
    wired.writer.wait_for_active(wired.name, SOON_S)
    wired.puts(b"0", keyframe=True)
    wired.puts(*numbered(1, 5))
    assert wired.comes(5) == [*range(6)]
    assert wired.reader.request(Commit(group=group, positions={wired.name: (3, "")})) == [wired.name]
    wired.pull()
    wired.puts(*numbered(6, 8))
    wired.plug()
    assert wired.comes(8) == [*range(3, 9)]


def test_a_group_of_ones_own_gets_what_the_history_keeps_and_is_told_the_rest(wired: Wired) -> None:
    """It ends with its reader: who comes back is a new one."""
    wired.channel(History(bytes=4 * KIB, messages=3))
    wired.reader.subscribe([wired.name], group="", start=0)
    wired.writer.wait_for_active(wired.name, SOON_S)
    wired.puts(*numbered(0, 2))
    assert wired.comes(2) == [0, 1, 2]
    wired.pull()
    wired.puts(*numbered(3, 7))
    wired.plug()
    assert wired.comes(7) == [*gone(0, 4, "history"), 5, 6, 7]
