"""RTSP messages: any bytes, cut in any way."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import WireError
from sightline.fakecam.rtsp import (
    MAX_BODY,
    MAX_HEAD,
    Interleaved,
    Parser,
    Request,
    Response,
    interleaved,
    place_of,
)

OPTIONS = b"OPTIONS rtsp://h/gate RTSP/1.0\r\nCSeq: 1\r\n\r\n"
PIECES = [
    OPTIONS,
    b"\r\n\r\n",
    interleaved(1, b"\x80\xc9\r\n\r\n$"),
    b"SET_PARAMETER rtsp://h/gate RTSP/1.0\r\nCSeq: 2\r\nContent-Length: 4\r\n\r\na: b",
    b"PLAY * RTSP/1.0\nCSeq:3\nX: a\nx: b\n\n",
    b"$",
    b"GET / HTTP/1.1\r\n\r\n",
    b"A rtsp://h RTSP/1.0\r\nContent-Length: -1\r\n\r\n",
]


def read(parts: list[bytes]) -> tuple[list[Request | Interleaved], bool]:
    """What is found, and whether it ended in an error."""
    parser = Parser()
    found: list[Request | Interleaved] = []
    try:
        for part in parts:
            found.extend(parser.feed(part))
    except WireError:
        return found, True
    return found, False


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=60), max_size=6), st.data())
def test_what_is_found_does_not_depend_on_how_bytes_are_cut(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    parts = [whole[a:b] for a, b in pairwise([0, *cuts, len(whole)])]
    assert read(parts) == read([whole])


def test_requests_and_packets_come_out_as_they_were_sent() -> None:
    found, failed = read([b"".join(PIECES[:5])])

    assert not failed
    assert found == [
        Request("OPTIONS", "rtsp://h/gate", "RTSP/1.0", {"cseq": "1"}),
        Interleaved(1, b"\x80\xc9\r\n\r\n$"),
        Request("SET_PARAMETER", "rtsp://h/gate", "RTSP/1.0", {"cseq": "2", "content-length": "4"}, b"a: b"),
        Request("PLAY", "*", "RTSP/1.0", {"cseq": "3", "x": "a, b"}),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS rtsp://h RTSP/1.0\r\nX: " + b"a" * MAX_HEAD,
        b"a" * MAX_HEAD,
        OPTIONS[:-2] + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1),
        OPTIONS[:-2] + b"Content-Length: 99999999999999999999\r\n\r\n",
        b"OPTIONS rtsp://h RTSP/1.0\r\nno header\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_too_large_or_no_rtsp_is_refused(data: bytes) -> None:
    assert read([data]) == ([], True)


def test_the_largest_head_and_body_are_taken() -> None:
    start, end = b"OPTIONS rtsp://h RTSP/1.0\r\nContent-Length: 4096\r\nX: ", b"\r\n\r\n"
    head = start + b"a" * (MAX_HEAD - len(start) - len(end)) + end
    found, failed = read([head + b"b" * MAX_BODY])

    assert not failed
    assert isinstance(found[0], Request)
    assert len(found[0].body) == MAX_BODY


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("rtsp://h:8554/gate", ("gate", "")),
        ("rtsp://h/gate/track1?x=1", ("gate", "track1")),
        ("rtsp://u:p@h/gate/", ("gate", "")),
        ("rtsp://h/a%20b", ("a b", "")),
        ("*", ("*", "")),
        ("rtsp://[/gate", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_url_names_a_camera(url: str, place: tuple[str, str]) -> None:
    assert place_of(url) == place


def test_an_answer_says_its_length() -> None:
    answer = Response(200).adding(CSeq="1", Content_Type="application/sdp")._replace(body=b"v=0")

    assert answer.to_bytes() == (
        b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0"
    )
