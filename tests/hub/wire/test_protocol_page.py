"""The page of the protocol says what the code does: its golden bytes both ways, and every field by name."""

import hmac
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, get_args

import msgspec
import numpy as np
import pytest
from tests.hub.wire.feeding import feed

from sightline.hub import settings
from sightline.hub.rpc.messages import Call, Raised
from sightline.hub.wire import Buffer, Head, Kind, Lanes, LargeCalls, Parser, control, decode, encode
from sightline.hub.wire.header import BATCH, HEAD, KEYFRAME, SHARED
from sightline.hub.wire.joining import MOST_BEGUN, MOST_BEGUN_BYTES
from sightline.hub.wire.payload import ARRAY, MSGPACK, RAW
from sightline.shm import messages
from sightline.shm.host import HostLimits
from sightline.shm.token import MAGIC, TOKEN_BYTES, Token, check_of

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "hub-protocol.md").read_text()
GOLDEN = {
    match["name"]: bytes.fromhex(match["hex"])
    for match in re.finditer(
        r"^\*\*(?P<name>[^*]+)\*\*[^\n]*(?:\n[^\n`]+)*\n\n```text\n(?P<hex>[0-9a-f \n]+)```$",
        PAGE,
        re.MULTILINE,
    )
}

HUB_NONCE = bytes(range(0x10))
NONCE = bytes(range(0x10, 0x20))
SESSION = bytes(range(0x20, 0x30))
HUB = bytes(range(0x30, 0x40))
TOKEN = settings.digest("open sesame")
UTC_NS = 1_760_000_000_000_000_000
SECRET = bytes(range(0x40, 0x60))
POOL = bytes(range(0x60, 0x70))
SHARED_TOKEN = Token(POOL, 2, 41, 300, check_of(memoryview(bytes(range(150)) * 2)))


class Said(NamedTuple):
    """A frame whose body is msgpack of one value."""

    head: Head
    value: Any
    shape: Any

    @property
    def body(self) -> bytes:
        return msgspec.msgpack.encode(self.value)


class Plain(NamedTuple):
    """A frame whose body is told byte by byte."""

    head: Head
    body: bytes = b""


def proof(secret: bytes, *parts: bytes) -> bytes:
    return hmac.digest(secret, b"".join(parts), "sha256")


def said(kind: Kind, value: Any, shape: Any = None, **fields: int) -> Said:
    head = Head(len(msgspec.msgpack.encode(value)), kind, **fields)
    return Said(head, value, type(value) if shape is None else shape)


def with_ext(ext: Any, payload: bytes) -> tuple[bytes, int]:
    data = msgspec.msgpack.encode(ext)
    return data + payload, len(data)


BESIDE, BESIDE_BYTES = with_ext(control.Beside(key=b"gate", headers=(("unit", b"mV"),)), b"\x01\x02")
CALL, CALL_BYTES = with_ext(Call(method="camera.zoom"), msgspec.msgpack.encode([[2], {"slow": True}]))

FRAMES: dict[str, Said | Plain] = {
    "CHALLENGE": said(Kind.CHALLENGE, control.Challenge(nonce=HUB_NONCE, token_needed=True)),
    "HELLO": said(
        Kind.HELLO,
        control.Hello(
            name="display",
            session=SESSION,
            nonce=NONCE,
            proof=proof(TOKEN, b"client", HUB_NONCE, NONCE, b"display"),
            agent="example 1.0",
        ),
    ),
    "WELCOME": said(
        Kind.WELCOME,
        control.Welcome(
            name="display",
            hub=HUB,
            proof=proof(TOKEN, b"hub", NONCE, HUB_NONCE),
            message_bytes=16_777_216,
            silence_s=15.0,
            time_ns=UTC_NS,
        ),
    ),
    "WELCOME to share": said(
        Kind.WELCOME,
        control.Welcome(
            name="display",
            hub=HUB,
            message_bytes=16_777_216,
            silence_s=15.0,
            time_ns=UTC_NS,
            share=SECRET,
            side=b"sightline-hub-0123",
        ),
    ),
    "REQUEST OpenWriter": said(
        Kind.REQUEST,
        control.OpenWriter(name="gate", create=settings.ChannelSettings()),
        control.Request,
        seq=1,
    ),
    "ANSWER to OpenWriter": said(
        Kind.ANSWER,
        control.WriterOpened(
            channel=7,
            writer=3,
            accepted_seq=0,
            window_messages=65_536,
            window_bytes=8_388_608,
            readers=0,
            wanted=False,
        ),
        seq=1,
    ),
    "REQUEST Subscribe": said(
        Kind.REQUEST,
        control.Subscribe(number=1, names=("gate",), start="history"),
        control.Request,
        seq=2,
    ),
    "NOTICE Attached": said(
        Kind.NOTICE,
        control.Attached(subscription=1, feed=5, name="gate", next_offset=40),
        control.Notice,
    ),
    "ANSWER of nothing": said(Kind.ANSWER, None, Any, seq=2),
    "ERROR": said(
        Kind.ERROR,
        control.Failure(code="missing", message="there is no channel 'gate'", detail=["gate"]),
        seq=3,
    ),
    "NOTICE WriterIs": said(
        Kind.NOTICE, control.WriterIs(writer=3, client="camera", session=SESSION), control.Notice
    ),
    "NOTICE Demand": said(Kind.NOTICE, control.Demand(channel=7, readers=1, wanted=True), control.Notice),
    "DATA of one message": Plain(
        Head(
            len(BESIDE),
            Kind.DATA,
            flags=KEYFRAME,
            format=RAW,
            channel=7,
            messages=1,
            seq=41,
            time_ns=UTC_NS,
            ext_bytes=BESIDE_BYTES,
        ),
        BESIDE,
    ),
    "DATA of three messages": Plain(
        Head(15, Kind.DATA, flags=BATCH, channel=5, messages=3, seq=42, offset=142, time_ns=UTC_NS, writer=3),
        bytes.fromhex("01000000 00000000 02000000") + b"abb",
    ),
    "DATA of a shared message": Plain(
        Head(
            TOKEN_BYTES,
            Kind.DATA,
            flags=SHARED,
            format=RAW,
            channel=5,
            messages=1,
            seq=45,
            offset=145,
            time_ns=UTC_NS,
            writer=3,
        ),
        SHARED_TOKEN.packed(),
    ),
    "ACK": Plain(Head(0, Kind.ACK, channel=7, seq=45)),
    "CREDIT": Plain(Head(0, Kind.CREDIT, channel=1, seq=1000, offset=3, time_ns=67_108_864)),
    "GAP": said(
        Kind.GAP,
        control.GapBody(last_offset=149, reason="overflow"),
        channel=5,
        messages=5,
        offset=145,
    ),
    "CALL": Plain(
        Head(
            len(CALL),
            Kind.CALL,
            format=MSGPACK,
            channel=2,
            seq=9,
            time_ns=5_000_000_000,
            ext_bytes=CALL_BYTES,
        ),
        CALL,
    ),
    "REPLY": Plain(Head(1, Kind.REPLY, format=MSGPACK, seq=9), b"\x04"),
    "CANCEL": Plain(Head(0, Kind.CANCEL, seq=9)),
    "PING": Plain(Head(0, Kind.PING, time_ns=123_456_789)),
    "PONG": Plain(Head(0, Kind.PONG, time_ns=123_456_789)),
    "BYE": Plain(Head(0, Kind.BYE)),
}

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PAYLOADS: dict[str, tuple[int, Any]] = {
    "a tuple": (MSGPACK, (1, "x")),
    "a set": (MSGPACK, {5}),
    "a frozenset": (MSGPACK, frozenset({5})),
    "a large int": (MSGPACK, 2**64),
    "a complex number": (MSGPACK, 1.5 - 2j),
    "a dict with other keys": (MSGPACK, {(1, 2): "x"}),
    "a datetime": (MSGPACK, MOMENT),
    "a numpy scalar": (MSGPACK, np.float32(0.5)),
    "an array": (ARRAY, np.array([[1, 2, 3], [4, 5, 6]], "<u2")),
    "an array of records": (ARRAY, np.array([(1, 0.5)], np.dtype([("n", "|u1"), ("x", "<f8")], align=True))),
}
SIDE: dict[str, messages.SideMessage] = {
    "Join": messages.Join(SECRET),
    "Pool": messages.Pool(POOL, 8, 6_225_920),
    "Ready": messages.Ready(POOL),
    "Refused": messages.Refused(POOL, "no memory"),
    "Freed": messages.Freed([(POOL, 2, 41)]),
    "Released": messages.Released([(POOL, 2, 41)]),
    "Drain": messages.Drain(POOL),
    "Gone": messages.Gone(POOL),
}
PART_NAMES = ["first PART", "second PART"]


def parts_of_reply() -> list[bytes]:
    """A REPLY cut after 40 bytes: the parts of a hub cut at 256 KiB, which is too long for a page."""
    lanes = Lanes(part_bytes=40)
    line = LargeCalls()
    line.put(FRAMES["REPLY"].head, [FRAMES["REPLY"].body])
    lanes.add(line)
    lanes.wake(line)
    first = b"".join(lanes.take(1, 0))
    return [first, b"".join(lanes.take(1000, 0))]


def test_the_page_has_the_golden_bytes_of_everything() -> None:
    assert list(GOLDEN) == [*FRAMES, *PART_NAMES, *PAYLOADS, *SIDE]
    assert {frame.head.kind for frame in FRAMES.values()} | {Kind.PART} == set(Kind)


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_is_written_as_the_page_has_it(name: str) -> None:
    frame = FRAMES[name]
    assert frame.head.packed() + frame.body == GOLDEN[name]


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_of_the_page_is_read(name: str) -> None:
    expected = FRAMES[name]
    (frame,) = feed(Parser(), GOLDEN[name])
    assert (frame.head, frame.body) == (expected.head, expected.body)
    if isinstance(expected, Said):
        assert msgspec.msgpack.decode(frame.body, type=expected.shape) == expected.value


def test_what_stands_beside_a_payload_is_read() -> None:
    for name, value in (
        ("DATA of one message", control.Beside(key=b"gate", headers=(("unit", b"mV"),))),
        ("CALL", Call(method="camera.zoom")),
    ):
        frame = next(feed(Parser(), GOLDEN[name]))
        ext = frame.body[: frame.head.ext_bytes]
        assert msgspec.msgpack.decode(ext, type=type(value)) == value


def test_parts_are_cut_and_joined_as_the_page_has_it() -> None:
    parts = [GOLDEN[name] for name in PART_NAMES]
    assert parts_of_reply() == parts
    (frame,) = feed(Parser(), b"".join(parts))
    assert (frame.head, frame.body) == (FRAMES["REPLY"].head, FRAMES["REPLY"].body)


@pytest.mark.parametrize("name", SIDE)
def test_a_message_of_a_side_socket_is_written_and_read_as_the_page_has_it(name: str) -> None:
    assert msgspec.msgpack.encode(SIDE[name]) == GOLDEN[name]
    assert msgspec.msgpack.decode(GOLDEN[name], type=messages.SideMessage) == SIDE[name]


def test_a_token_is_read_as_the_page_has_it() -> None:
    frame = next(feed(Parser(), GOLDEN["DATA of a shared message"]))
    assert Token.unpacked(frame.body) == SHARED_TOKEN


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_is_written_and_read_as_the_page_has_it(name: str) -> None:
    form, value = PAYLOADS[name]
    assert encode(value) == (form, [*pieces_of(form, GOLDEN[name])])
    back = decode(form, GOLDEN[name])
    assert np.array_equal(back, value) if form == ARRAY else back == value
    assert type(back) is type(value)


def pieces_of(form: int, payload: bytes) -> list[Buffer]:
    if form != ARRAY:
        return [payload]
    data_at = 4 + int.from_bytes(payload[:4], "little")
    data_at += -data_at % 16
    return [payload[:data_at], payload[data_at:]]


def row_of(name: str) -> str:
    found = re.search(rf"^\| `{name}` \|.*$", PAGE, re.MULTILINE)
    assert found is not None, f"no row of {name}"
    return found[0]


STRUCTS: list[type[msgspec.Struct]] = [
    *get_args(control.Request),
    *get_args(control.Notice),
    control.Challenge,
    control.Hello,
    control.Welcome,
    control.ChannelInfo,
    control.ClientInfo,
    control.WriterOpened,
    control.Service,
    control.Failure,
    control.GapBody,
    control.Beside,
    Call,
    Raised,
    settings.ChannelSettings,
    settings.History,
    settings.ReaderBuffer,
    *(type(message) for message in SIDE.values()),
]


@pytest.mark.parametrize("shape", STRUCTS, ids=lambda shape: shape.__name__)
def test_every_field_has_its_place_on_the_page(shape: type[msgspec.Struct]) -> None:
    row = row_of(shape.__name__)
    fields = [field.encode_name for field in msgspec.structs.fields(shape)]
    assert all(f"`{field}`" in row for field in fields), (row, fields)


def test_every_kind_and_code_is_on_the_page() -> None:
    for kind in Kind:
        assert row_of(kind.name).startswith(f"| `{kind.name}` | {kind.value} |")
    for code in (value for name, value in vars(control.Code).items() if name.isupper()):
        row_of(code)


def test_the_heads_fields_are_on_the_page_where_they_are() -> None:
    at = 0
    for field, letter in zip(Head._fields, HEAD.format[1:], strict=True):
        size = {"B": 1, "I": 4, "Q": 8, "q": 8}[letter]
        assert f"| {at} | {size} | `{field}` |" in PAGE
        at += size


def test_the_tokens_fields_are_on_the_page_where_they_are() -> None:
    assert f"| 0 | 4 | | `{MAGIC.decode()}` |" in PAGE
    at = 4
    for field, size in zip(Token._fields, (16, 4, 8, 8, 4), strict=True):
        assert f"| {at} | {size} | `{field}` |" in PAGE
        at += size
    assert f"| {at} | {TOKEN_BYTES - at} | | zeros |" in PAGE


def test_the_bounds_of_shared_memory_are_on_the_page() -> None:
    limits = HostLimits()
    assert f"at most {messages.MOST_MESSAGE_BYTES} bytes" in PAGE
    assert f"at most {messages.MOST_TOLD} of [pool, slot, generation]" in PAGE
    assert f"at most {limits.pools_of_peer} pools of one client" in PAGE
    assert f"each of at most {limits.pool_bytes // settings.MIB // 1024} GiB" in PAGE
    assert f"lasts above {limits.lease_s:.0f} seconds" in PAGE
    assert f"more than {limits.most_retired} slots" in " ".join(PAGE.split())


def test_the_bounds_of_parts_are_on_the_page() -> None:
    assert f"At most {MOST_BEGUN} frames" in PAGE
    assert f"{MOST_BEGUN_BYTES // settings.MIB} MiB" in PAGE
