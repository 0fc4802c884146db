"""Logins, with the standard library's client as the other side."""

from base64 import b64encode
from urllib.request import (
    AbstractDigestAuthHandler,
    HTTPPasswordMgrWithDefaultRealm,
    parse_http_list,
    parse_keqv_list,
)
from urllib.request import Request as Asked

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import ConfigError
from sightline.fakecam.auth import Login, admits, challenge
from sightline.fakecam.rtsp import Request

URL = "rtsp://h/gate"
NONCE = "abc123"
DIGEST = Login(username="viewer", password='p@ss "w:rd', scheme="digest")
BASIC = Login(username="viewer", password="p@ss:wörd", scheme="basic")


class _Digest(AbstractDigestAuthHandler):
    auth_header = "Authorization"


def answered(login: Login, password: str, *, method: str = "PLAY", qop: str = "", nonce: str = NONCE) -> str:
    """What the standard library answers our challenge with."""
    known = HTTPPasswordMgrWithDefaultRealm()
    known.add_password(None, "http://h/", login.username, password)
    asked = Asked("http://h/gate", method=method)
    asked.selector = URL
    _, _, said = (challenge(login, nonce) + qop).partition(" ")
    found = _Digest(known).get_authorization(asked, parse_keqv_list(parse_http_list(said)))
    return f"Digest {found}"


def asks(authorization: str, method: str = "PLAY", url: str = URL) -> Request:
    return Request(method, url, "RTSP/1.0", {"authorization": authorization})


@pytest.mark.parametrize("qop", ["", ', qop="auth"'])
def test_digest_lets_in_who_knows_the_password(qop: str) -> None:
    assert admits(DIGEST, NONCE, asks(answered(DIGEST, DIGEST.password, qop=qop)))
    assert not admits(DIGEST, NONCE, asks(answered(DIGEST, "wrong", qop=qop)))


def test_a_digest_is_good_for_one_connection_one_method_and_one_url() -> None:
    right = answered(DIGEST, DIGEST.password)

    assert not admits(DIGEST, "another", asks(right))
    assert not admits(DIGEST, NONCE, asks(right, method="TEARDOWN"))
    assert not admits(DIGEST, NONCE, asks(right, url="rtsp://h/yard"))


def test_basic_lets_in_who_knows_the_password() -> None:
    def header(password: str) -> str:
        return "Basic " + b64encode(f"viewer:{password}".encode()).decode()

    assert admits(BASIC, NONCE, asks(header(BASIC.password)))
    assert not admits(BASIC, NONCE, asks(header("wrong")))
    assert not admits(DIGEST, NONCE, asks(header(DIGEST.password)))


@given(st.sampled_from(["Basic ", "Digest ", ""]), st.text())
def test_any_text_is_refused(kind: str, text: str) -> None:
    assert not admits(BASIC, NONCE, asks(kind + text))
    assert not admits(DIGEST, NONCE, asks(kind + text))


@pytest.mark.parametrize(("username", "password"), [("", "p"), ("a:b", "p"), ("a", "")])
def test_a_user_that_no_client_can_be_is_refused(username: str, password: str) -> None:
    with pytest.raises(ConfigError, match="expected a username"):
        Login(username=username, password=password)


def test_a_password_is_not_shown() -> None:
    assert DIGEST.password not in repr(DIGEST)
