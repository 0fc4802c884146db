"""What is said on a side socket: its bytes, its limits, and what is nothing of it."""

import socket

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import WireError
from sightline.shm.messages import (
    MOST_MESSAGE_BYTES,
    MOST_SLOTS,
    MOST_TOLD,
    Drain,
    Freed,
    Gone,
    Join,
    Left,
    Pool,
    Ready,
    Refused,
    Released,
    SideMessage,
)
from sightline.shm.side import Side

POOL = bytes(range(16))
POOL_HEX = "a4 706f6f6c c410 000102030405060708090a0b0c0d0e0f"
LARGEST = (b"\xff" * 16, MOST_SLOTS - 1, 2**63 - 1)

GOLDEN: dict[SideMessage, str] = {
    Join(secret=b"\x01" * 32): "82 a26973 a44a6f696e a6736563726574 c420" + "01" * 32,
    Pool(pool=POOL, slots=3, slot_bytes=4096): "84 a26973 a4506f6f6c"
    + POOL_HEX
    + "a5736c6f7473 03 aa736c6f745f6279746573 cd1000",
    Pool(pool=POOL, slots=3, slot_bytes=4096, sealed=False): "85 a26973 a4506f6f6c"
    + POOL_HEX
    + "a5736c6f7473 03 aa736c6f745f6279746573 cd1000 a67365616c6564 c2",
    Ready(pool=POOL): "82 a26973 a55265616479" + POOL_HEX,
    Refused(pool=POOL, reason="why"): "83 a26973 a752656675736564" + POOL_HEX + "a6726561736f6e a3776879",
    Drain(pool=POOL): "82 a26973 a5447261696e" + POOL_HEX,
    Gone(pool=POOL): "82 a26973 a4476f6e65" + POOL_HEX,
    Left(): "81 a26973 a44c656674",
}
GOLDEN_SLOTS = "a5736c6f7473 91 93 c410 000102030405060708090a0b0c0d0e0f 01 02"

slots = st.lists(
    st.tuples(st.binary(min_size=16, max_size=16), st.integers(0, MOST_SLOTS - 1), st.integers(0, 2**63 - 1)),
    max_size=MOST_TOLD,
)
pools = st.binary(min_size=16, max_size=16)
messages = st.one_of(
    st.builds(Join, secret=st.binary(min_size=32, max_size=32)),
    st.builds(
        Pool,
        pool=pools,
        slots=st.integers(1, MOST_SLOTS),
        slot_bytes=st.integers(1, 2**40),
        sealed=st.booleans(),
    ),
    st.builds(Ready, pool=pools),
    st.builds(Refused, pool=pools, reason=st.text(max_size=200)),
    st.builds(Freed, slots=slots),
    st.builds(Released, slots=slots),
    st.builds(Drain, pool=pools),
    st.builds(Gone, pool=pools),
    st.just(Left()),
)


def bytes_of(message: object) -> bytes:
    return msgspec.msgpack.encode(message)


def heard(*sent: bytes) -> list[SideMessage]:
    """What the end of a real socket makes of these."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    side = Side(theirs)
    try:
        for data in sent:
            ours.send(data)
        return [message for message, _ in side.receive()]
    finally:
        ours.close()
        side.close()


@pytest.mark.parametrize(("message", "golden"), GOLDEN.items(), ids=lambda value: type(value).__name__)
def test_a_message_is_these_bytes(message: SideMessage, golden: str) -> None:
    assert bytes_of(message) == bytes.fromhex(golden)
    assert heard(bytes.fromhex(golden)) == [message]


@pytest.mark.parametrize(
    ("message", "golden"),
    [
        (Freed(slots=[(POOL, 1, 2)]), "82 a26973 a54672656564" + GOLDEN_SLOTS),
        (Released(slots=[(POOL, 1, 2)]), "82 a26973 a852656c6561736564" + GOLDEN_SLOTS),
    ],
)
def test_slots_are_these_bytes(message: SideMessage, golden: str) -> None:
    assert bytes_of(message) == bytes.fromhex(golden)
    assert heard(bytes.fromhex(golden)) == [message]


@given(st.lists(messages, max_size=5))
def test_what_is_said_is_what_is_heard(said: list[SideMessage]) -> None:
    assert heard(*map(bytes_of, said)) == said


@given(messages)
def test_no_message_is_longer_than_the_most(message: SideMessage) -> None:
    assert len(bytes_of(message)) <= MOST_MESSAGE_BYTES


def test_the_longest_list_of_slots_is_no_longer_than_the_most() -> None:
    longest = Released(slots=[LARGEST] * MOST_TOLD)
    assert len(bytes_of(longest)) <= MOST_MESSAGE_BYTES
    assert heard(bytes_of(longest)) == [longest]


@given(
    st.binary(min_size=1, max_size=MOST_MESSAGE_BYTES)
    | st.tuples(messages.map(bytes_of), st.integers(0, 2000), st.binary(max_size=3)).map(
        lambda part: part[0][: part[1]] + part[2] + part[0][part[1] + len(part[2]) :] or b"\0"
    )
)
def test_any_bytes_are_a_message_or_a_wire_error(data: bytes) -> None:
    try:
        (message,) = heard(data)
    except WireError:
        return
    assert heard(bytes_of(message)) == [message]


@pytest.mark.parametrize(
    "wrong",
    [
        {"is": "Join", "secret": b"\x01" * 31},
        {"is": "Join", "secret": b"\x01" * 33},
        {"is": "Join"},
        {"is": "Pool", "pool": POOL[:15], "slots": 3, "slot_bytes": 1},
        {"is": "Pool", "pool": POOL + b"\0", "slots": 3, "slot_bytes": 1},
        {"is": "Pool", "pool": POOL, "slots": 0, "slot_bytes": 1},
        {"is": "Pool", "pool": POOL, "slots": MOST_SLOTS + 1, "slot_bytes": 1},
        {"is": "Pool", "pool": POOL, "slots": 3, "slot_bytes": 0},
        {"is": "Pool", "pool": POOL, "slots": 3, "slot_bytes": 2**40 + 1},
        {"is": "Released", "slots": [LARGEST] * (MOST_TOLD + 1)},
        {"is": "Released", "slots": [(POOL, MOST_SLOTS, 0)]},
        {"is": "Released", "slots": [(POOL, -1, 0)]},
        {"is": "Released", "slots": [(POOL, 0, -1)]},
        {"is": "Released", "slots": [(POOL, 0, 2**63)]},
        {"is": "Released", "slots": [(POOL, 0)]},
        {"is": "Released", "slots": [(POOL[:15], 0, 0)]},
        {"is": "Ready", "pool": "a name of text.."},
        {"is": "Leave", "pool": POOL},
        {"pool": POOL},
        ["Ready", POOL],
        POOL,
        None,
    ],
    ids=repr,
)
def test_what_is_beyond_a_limit_is_refused(wrong: object) -> None:
    with pytest.raises(WireError, match="a message of a side socket"):
        heard(bytes_of(wrong))


@pytest.mark.parametrize(
    "data",
    [
        b"\x83\xa2is\xa4Join\xa1x" + b"\x91" * 4000 + b"\xc0",
        b"\x83\xa2is\xa7Refused\xa4pool\xc4\x10" + POOL + b"\xa6reason\xa2\xff\xff",
        bytes_of(Ready(pool=POOL)) + b"\0",
        bytes_of(Ready(pool=POOL)) + bytes(MOST_MESSAGE_BYTES),
    ],
    ids=["nested too deep", "text that is none", "more behind it", "too long"],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(WireError, match="a message of a side socket"):
        heard(data)


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert heard(bytes_of({"is": "Ready", "pool": POOL, "colour": [1, 2]})) == [Ready(pool=POOL)]
