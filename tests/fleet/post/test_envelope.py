"""What stands around a message: it means something in its own place alone, and from its sender alone."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.bus import Message as BusMessage
from sightline.errors import WireError
from sightline.fleet.keys.identity import Identity
from sightline.fleet.messages.parts import NodeConfig
from sightline.fleet.messages.topics import (
    AgentCommand,
    AgentConfig,
    AgentInfo,
    AgentResponse,
    Refresh,
    UpdateConfig,
)
from sightline.fleet.post.envelope import envelope_of, headers_of, key_of, signed_text

ONE, OTHER = Identity.made(), Identity.made()
NODE = UUID("6b3b6a1e-6a0e-4a52-9a9f-6a1f0c9d7e11")


def message(by: str, topic: str, key: bytes | None, value: bytes) -> BusMessage:
    return BusMessage(topic, value, key, headers_of(ONE, by, topic, key, value), 0, 0)


def replaced(of: BusMessage, **fields: object) -> BusMessage:
    values = {name: getattr(of, name) for name in of.__struct_fields__}
    return BusMessage(**(values | fields))


parts = st.tuples(
    st.text(max_size=20), st.text(max_size=20), st.none() | st.binary(max_size=20), st.binary(max_size=50)
)


@given(parts)
def test_what_was_sent_is_signed_by_its_sender_and_by_nobody_else(
    of: tuple[str, str, bytes | None, bytes],
) -> None:
    envelope = envelope_of(message(*of))
    assert envelope.by == of[0]
    assert envelope.signed_by(ONE.public)
    assert not envelope.signed_by(OTHER.public)


@given(parts, parts)
def test_no_two_messages_have_the_same_signed_text(
    one: tuple[str, str, bytes | None, bytes], other: tuple[str, str, bytes | None, bytes]
) -> None:
    assert (signed_text(*one) == signed_text(*other)) == (one == other)


def test_a_message_that_is_changed_anywhere_is_not_its_senders() -> None:
    sent = message("agent", "AgentInfo", b"key", b"the value")
    name, version, by, signature = "sl-by", *(value for _, value in sent.headers)
    headers = {
        "by": ((*sent.headers[:1], (name, b"agenu"), *sent.headers[2:])),
        "signature": (*sent.headers[:2], ("sl-signature", bytes([signature[0] ^ 1]) + signature[1:])),
    }
    changed = [
        replaced(sent, topic="north.AgentInfo"),
        replaced(sent, key=b"kez"),
        replaced(sent, key=None),
        replaced(sent, value=b"the valuf"),
        *(replaced(sent, headers=each) for each in headers.values()),
    ]
    assert envelope_of(sent).signed_by(ONE.public)
    assert (version, by) == (b"1", b"agent")
    for each in changed:
        assert not envelope_of(each).signed_by(ONE.public)


def test_a_message_without_an_envelope_is_nobodys() -> None:
    envelope = envelope_of(BusMessage("Refresh", b"{}", None, (("traceparent", b"00"),), 0, 0))
    assert envelope.by == ""
    assert not envelope.signed_by(ONE.public)
    assert headers_of(None, "agent", "Refresh", None, b"{}") == ()


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ((("sl-by", b"x"),), "each of sl-version, sl-by, sl-signature once, got 1"),
        ((("sl-version", b"1"), ("sl-by", b"x"), ("sl-by", b"y")), "once, got 3"),
        ((("sl-version", b"2"), ("sl-by", b"x"), ("sl-signature", bytes(64))), "of version 1, got b'2'"),
        ((("sl-version", b"1"), ("sl-by", b"x"), ("sl-signature", bytes(63))), "64 bytes, got 63"),
        ((("sl-version", b"1"), ("sl-by", b"\xff"), ("sl-signature", bytes(64))), "in UTF-8"),
    ],
)
def test_headers_that_are_wrong_are_told(headers: tuple[tuple[str, bytes], ...], told: str) -> None:
    with pytest.raises(WireError, match=told):
        envelope_of(BusMessage("Refresh", b"{}", None, headers, 0, 0))


def test_each_message_has_the_key_that_the_table_says() -> None:
    info = AgentInfo(node_id=NODE, hostname="one", ip_address="127.0.0.1")  # type: ignore[arg-type]
    node = NodeConfig(node_id=NODE, hostname="one")
    assert key_of(info) == str(NODE)
    assert key_of(AgentResponse(node_id=NODE)) == str(NODE)
    assert key_of(AgentCommand(command="report", node_id=NODE)) == str(NODE)
    assert key_of(AgentCommand(command="leases")) == "leases"
    assert key_of(AgentConfig(agent_info_list=[node])) == str(NODE)
    assert key_of(UpdateConfig()) is None
    assert key_of(Refresh()) is None
    with pytest.raises(WireError, match="of one agent to send, got 2"):
        key_of(AgentConfig(agent_info_list=[node, node]))
