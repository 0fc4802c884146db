"""Who may send records to a receiver, how much, and what becomes of those who do as they like."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
import socketio
import websocket
from tests.pipe.outside.receiving import SOON_S, Receiving, Sending

from sightline.errors import ConfigError
from sightline.pipe.outside.log_receiver import MOST_SENDERS, LogReceiver


@pytest.fixture
def receiving(no_leaks: None) -> Iterator[Receiving]:
    with Receiving() as receiver:
        yield receiver


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_client_of_python_socketio_reaches_our_receiver(receiving: Receiving, transport: str) -> None:
    client = socketio.Client(reconnection=False, handle_sigint=False)
    client.connect(receiving.url, transports=[transport])
    text = '{"time": "", "source": "seen.cameras.gate", "level": "ERROR", "message": "dark"}'
    try:
        assert client.call("log", text, timeout=SOON_S) == 1
        assert client.call("log", "dark", timeout=SOON_S) == -1
        assert client.call("logs", {"entries": "dark"}, timeout=SOON_S) == -1
    finally:
        client.disconnect()
    assert [(one.routine, one.level, one.message) for one in receiving.entries] == [("gate", "ERROR", "dark")]
    assert receiving.stats().refused == 2


def test_a_token_is_asked_for_and_never_shown(no_leaks: None, caplog: pytest.LogCaptureFixture) -> None:
    with Receiving(token="sesame-seeds") as receiver:
        with Sending(f"{receiver.url}?token=sesame-seeds") as sending:
            sending.say("opened by sesame-seeds")
        for wrong in ("", "?token=sesame-seedy"):
            with Sending(receiver.url + wrong) as stranger:
                stranger.say("let me in")
            assert stranger.handler.stats().dropped == {"closed": 1}
    assert receiver.messages == ["opened by ***"]
    assert "sesame" not in caplog.text


def test_no_receiver_listens_wider_without_a_token() -> None:
    with pytest.raises(
        ConfigError, match="a receiver of logs on host '0.0.0.0' can be seen by other machines"
    ):
        Receiving(host="0.0.0.0")


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_page_of_another_site_is_not_let_in(
    receiving: Receiving, transport: str, headers: dict[str, str]
) -> None:
    client = socketio.Client(reconnection=False, handle_sigint=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(receiving.url, headers=headers, transports=[transport])


@pytest.mark.parametrize(
    "said",
    [
        '51-["log",{"_placeholder":true,"num":0}]',
        '59999999-["log"]',
        "42[",
        "4" + "x" * (4 << 20),
        "9",
    ],
    ids=["attachment", "attachments", "half", "large", "unknown"],
)
def test_what_is_no_message_harms_nobody(receiving: Receiving, said: str) -> None:
    address = receiving.url.replace("http", "ws") + "socket.io/?EIO=4&transport=websocket"
    stranger = websocket.create_connection(address, timeout=SOON_S)
    try:
        assert str(stranger.recv()).startswith("0")
        stranger.send("40")
        assert str(stranger.recv()).startswith("40")
        try:
            stranger.send(said)
            stranger.send_binary(b"x" * 1000)
        except OSError:  # it was cut off
            pass
        with Sending(receiving.url) as sending:
            sending.say("I am well")
        assert receiving.messages == ["I am well"]
    finally:
        stranger.close(timeout=0)


def test_records_of_many_senders_are_given_one_message_at_a_time(no_leaks: None) -> None:
    inside: list[bool] = []
    most: list[int] = []

    def take(_entries: object) -> None:
        inside.append(True)
        time.sleep(0.05)
        most.append(len(inside))
        inside.pop()

    with LogReceiver(take, port=0) as receiver, Sending(receiver.url) as one, Sending(receiver.url) as other:
        one.say("from here")
        other.say("from there")
    assert most == [1, 1]


def test_what_could_not_be_taken_has_not_arrived(no_leaks: None, caplog: pytest.LogCaptureFixture) -> None:
    def take(_entries: object) -> None:
        raise ValueError("full")

    with LogReceiver(take, port=0) as receiver, Sending(receiver.url) as sending:
        sending.say("said")
    assert sending.handler.stats().dropped == {"unconfirmed": 1}
    assert "records cannot be taken" in caplog.text
    assert "ValueError: full" in caplog.text


def test_no_more_senders_poll_than_there_may_be(receiving: Receiving) -> None:
    def poll(query: str) -> int:
        try:
            with urllib.request.urlopen(
                f"{receiving.url}socket.io/?EIO=4&transport=polling{query}"
            ) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    told = [poll(query) for query in ("", "&sid=", "&xsid=1") for _ in range(MOST_SENDERS)]
    assert told == [200] * MOST_SENDERS + [503] * (2 * MOST_SENDERS)


def test_who_polls_and_says_goodbye_need_not_wait(receiving: Receiving) -> None:
    client = socketio.Client(reconnection=False, handle_sigint=False)
    client.connect(receiving.url, transports=["polling"])
    begun_s = time.monotonic()
    client.disconnect()
    assert time.monotonic() - begun_s < SOON_S / 2


def test_a_receiver_ends_while_somebody_polls(no_leaks: None) -> None:
    client = socketio.Client(reconnection=False, handle_sigint=False)
    with Receiving() as receiver:
        client.connect(receiver.url, transports=["polling"])
    client.disconnect()
    assert not receiver._thread.is_alive()


def test_who_reads_no_answers_is_let_go(receiving: Receiving) -> None:
    address = receiving.url.replace("http", "ws") + "socket.io/?EIO=4&transport=websocket"
    stranger = websocket.create_connection(address, timeout=SOON_S)

    def ping_for_ever() -> None:
        while True:
            stranger.ping("x" * 125)

    with pytest.raises(ConnectionError):
        ping_for_ever()
    stranger.close(timeout=0)
