"""The end of listening for live pictures, where nobody is heard."""

import socket
import time
from collections.abc import Iterator

import pytest

from sightline.fleet.viewing.listening import Listening
from sightline.sink.viewed import topics_of


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


def test_it_ends_within_a_second_while_a_broker_does_not_answer(silent: socket.socket) -> None:
    url = f"kafka://127.0.0.1:{silent.getsockname()[1]}"
    listening = Listening(
        lambda: url, topics_of(""), take=lambda _messages: None, wanted=lambda: frozenset({"gate"})
    )
    with silent.accept()[0]:  # it is asked, and does not answer for longer than anybody waits
        begun_s = time.monotonic()
        listening.close()
        assert time.monotonic() - begun_s < 2  # a second, and what a busy machine adds
