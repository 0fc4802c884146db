"""The rules of RTSP, without a socket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.fakecam.dialogue import METHODS, Answer, Deed, Dialogue
from sightline.fakecam.rtsp import Request
from sightline.fakecam.transport import Interleave, Ports

TCP = "RTP/AVP/TCP;unicast;interleaved=2-3"
URL = "rtsp://h/gate"


@pytest.fixture
def dialogue() -> Dialogue:
    return Dialogue(["gate", "yard"], Ports(6000, 6001), session_id="S1", ssrc=0xAB, timeout_s=60)


def ask(
    dialogue: Dialogue, method: str, url: str = URL, *, version: str = "RTSP/1.0", **headers: str
) -> Answer:
    named = {name.replace("_", "-").lower(): text for name, text in headers.items()}
    return dialogue.answer(Request(method, url, version, {"cseq": "7"} | named))


def test_from_nothing_to_pictures_and_back(dialogue: Dialogue) -> None:
    assert ask(dialogue, "OPTIONS", "*").response.status == 200
    described = ask(dialogue, "DESCRIBE")
    assert (described.deed, described.camera) == (Deed.DESCRIBE, "gate")
    assert ("Content-Base", "rtsp://h/gate/") in described.response.headers
    set_up = ask(dialogue, "SETUP", f"{URL}/track1", transport=TCP)
    assert dict(set_up.response.headers) == {
        "CSeq": "7",
        "Transport": "RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=000000AB",
        "Session": "S1;timeout=60",
    }
    assert dialogue.transport == Interleave(2, 3)
    deeds = [
        ask(dialogue, method, session="S1").deed for method in ("PLAY", "PLAY", "PAUSE", "PLAY", "TEARDOWN")
    ]
    assert deeds == [Deed.PLAY, Deed.NOTHING, Deed.PAUSE, Deed.PLAY, Deed.TEARDOWN]
    assert ask(dialogue, "PLAY", session="S1").response.status == 454


@pytest.mark.parametrize(
    ("method", "url", "headers", "status"),
    [
        ("OPTIONS", URL, {"version": "RTSP/2.0"}, 505),
        ("OPTIONS", URL, {"require": "play.basic"}, 551),
        ("OPTIONS", URL, {"cseq": "x"}, 400),
        ("RECORD", URL, {}, 501),
        ("DESCRIBE", "rtsp://h/nobody", {}, 404),
        ("DESCRIBE", "rtsp://h/", {}, 404),
        ("SETUP", f"{URL}/track2", {"transport": TCP}, 404),
        ("SETUP", URL, {}, 461),
        ("SETUP", URL, {"transport": "RTP/AVP;multicast"}, 461),
        ("SETUP", URL, {"transport": "RTP/SAVP;unicast;client_port=1-2"}, 461),
        ("SETUP", URL, {"transport": "RTP/AVP;unicast;client_port=70000-70001"}, 461),
        ("SETUP", URL, {"transport": "RTP/AVP;unicast"}, 461),
        ("SETUP", URL, {"transport": TCP, "session": "S2"}, 454),
        ("PLAY", URL, {"session": "S1"}, 454),
        ("PLAY", URL, {}, 454),
        ("TEARDOWN", URL, {}, 454),
        ("GET_PARAMETER", URL, {"session": "S2"}, 454),
        ("GET_PARAMETER", URL, {}, 200),
    ],
)
def test_what_is_wrong_is_named(
    dialogue: Dialogue, method: str, url: str, headers: dict[str, str], status: int
) -> None:
    assert ask(dialogue, method, url, **headers).response.status == status


def test_a_session_is_of_one_camera_and_is_set_up_before_it_plays(dialogue: Dialogue) -> None:
    ask(dialogue, "SETUP", transport=TCP)

    assert ask(dialogue, "PLAY", session="S2").response.status == 454
    assert ask(dialogue, "SETUP", "rtsp://h/yard", transport=TCP).response.status == 455
    assert ask(dialogue, "PLAY", "rtsp://h/yard", session="S1").response.status == 454
    assert ask(dialogue, "SETUP", transport="RTP/AVP;unicast;client_port=5000-5001").response.status == 200
    ask(dialogue, "PLAY", session="S1")
    assert ask(dialogue, "SETUP", transport=TCP).response.status == 455


def test_the_first_wish_that_can_be_had_is_taken(dialogue: Dialogue) -> None:
    wishes = "RTP/AVP;multicast, RTP/AVP/UDP;unicast;client_port=5000, RTP/AVP/TCP;interleaved=0-1"
    set_up = ask(dialogue, "SETUP", transport=wishes)

    assert dialogue.transport == Ports(5000, 5001)
    assert "server_port=6000-6001" in dict(set_up.response.headers)["Transport"]


WORDS = [
    "RTP/AVP",
    "/TCP",
    "/UDP",
    "unicast",
    "multicast",
    "client_port=",
    "interleaved=",
    "7",
    "-",
    ";",
    ",",
    "99999",
]


@given(st.lists(st.sampled_from(WORDS), max_size=12).map("".join) | st.text(), st.text())
def test_any_headers_get_an_answer(wish: str, session: str) -> None:
    dialogue = Dialogue(["gate"], Ports(6000, 6001), session_id="S1", ssrc=0xAB, timeout_s=60)
    for method in METHODS:
        told = ask(dialogue, method, transport=wish, session=session).response
        assert told.status in {200, 454, 455, 461}
        assert told.to_bytes()
    if isinstance(dialogue.transport, Ports):
        assert all(0 < port < 65536 for port in dialogue.transport)


def test_without_a_login_only_options_is_answered(dialogue: Dialogue) -> None:
    def told(method: str) -> Answer:
        return dialogue.answer(Request(method, URL, "RTSP/1.0", {"cseq": "1"}), 'Basic realm="x"')

    assert told("OPTIONS").response.status == 200
    refused = told("DESCRIBE")
    assert (refused.response.status, refused.deed) == (401, Deed.NOTHING)
    assert ("WWW-Authenticate", 'Basic realm="x"') in refused.response.headers
