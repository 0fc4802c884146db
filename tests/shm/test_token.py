"""Tokens: their bytes, and what is none."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import WireError
from sightline.shm.token import CHECKED_BYTES, MAGIC, TOKEN, TOKEN_BYTES, Token, check_of

GOLDEN = Token(pool=bytes(range(16)), slot=3, generation=5, size=6_220_800, check=0x89ABCDEF)
GOLDEN_BYTES = bytes.fromhex(
    "53 4c 73 31"
    "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"
    "03 00 00 00"
    "05 00 00 00 00 00 00 00"
    "00 ec 5e 00 00 00 00 00"
    "ef cd ab 89"
) + bytes(20)

PAD = 20
"""Zeros behind what stands in a token; whoever reads it does not look at them."""

tokens = st.builds(
    Token,
    pool=st.binary(min_size=16, max_size=16),
    slot=st.integers(0, 2**32 - 1),
    generation=st.integers(0, 2**64 - 1),
    size=st.integers(0, 2**64 - 1),
    check=st.integers(0, 2**32 - 1),
)


def test_a_token_is_these_64_bytes() -> None:
    assert GOLDEN.packed() == GOLDEN_BYTES
    assert len(GOLDEN_BYTES) == TOKEN_BYTES == TOKEN.size == 64
    assert Token.unpacked(GOLDEN_BYTES) == GOLDEN


@given(tokens)
def test_what_is_packed_is_what_comes_out(token: Token) -> None:
    assert Token.unpacked(token.packed()) == token
    assert Token.unpacked(memoryview(bytearray(token.packed()))) == token


@given(st.binary(max_size=80) | st.binary(min_size=60, max_size=60).map(lambda rest: MAGIC + rest))
def test_any_bytes_are_a_token_or_a_wire_error(data: bytes) -> None:
    try:
        token = Token.unpacked(data)
    except WireError:
        assert len(data) != TOKEN_BYTES or data[:4] != MAGIC
    else:
        assert token.packed() == data[:-PAD] + bytes(PAD)


@pytest.mark.parametrize(
    "data",
    [b"", GOLDEN_BYTES[:-1], GOLDEN_BYTES + b"\0", b"SLs2" + GOLDEN_BYTES[4:], b"\0" + GOLDEN_BYTES[1:]],
    ids=["nothing", "too short", "too long", "another version", "another thing"],
)
def test_what_is_no_token_is_refused(data: bytes) -> None:
    with pytest.raises(WireError, match="a token of 64 bytes"):
        Token.unpacked(data)


@given(st.binary(max_size=300))
def test_the_check_is_of_both_ends(payload: bytes) -> None:
    ends = payload[:CHECKED_BYTES] + payload[-CHECKED_BYTES:]
    assert check_of(memoryview(payload)) == zlib.crc32(ends)


def test_a_check_of_a_large_payload_reads_its_ends_only() -> None:
    payload = bytearray(200)
    before = check_of(memoryview(payload))
    payload[CHECKED_BYTES] = payload[-CHECKED_BYTES - 1] = 1
    assert check_of(memoryview(payload)) == before
    payload[CHECKED_BYTES - 1] = 1
    assert check_of(memoryview(payload)) != before
