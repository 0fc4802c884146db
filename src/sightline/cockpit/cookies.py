"""The cookies of a page: who is in, and what the page before has to say.

It promises: no script reads one, no other site's page has one sent, and over TLS none is sent without it.
What a browser sends back is untrusted: a text that was not ours is shown to who sent it, and to nobody else.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Final, Literal, NamedTuple, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from sightline.fleet.entrance.secret_texts import forget_cookie, set_cookie

SAID: Final = "sightline_said"
_SAID_S: Final = 60
_MOST_SAID: Final = 1500
_TONES: Final = ("good", "busy", "bad")

Tone: TypeAlias = Literal["good", "busy", "bad"]


class Said(NamedTuple):
    """What the page before has to say."""

    tone: Tone
    text: str


def keep_session(response: Response, cookie: str, *, secure: bool) -> None:
    """The browser is in from now on, until it is closed."""
    response.headers.append("set-cookie", set_cookie(cookie, is_https=secure))


def drop_session(response: Response, *, secure: bool) -> None:
    """The browser is out."""
    response.headers.append("set-cookie", forget_cookie(is_https=secure))


def keep_said(response: Response, said: Said, *, secure: bool) -> None:
    """For the next page of this browser."""
    text = base64.urlsafe_b64encode(json.dumps([said.tone, said.text[:_MOST_SAID]]).encode()).decode()
    response.set_cookie(
        SAID, text, max_age=_SAID_S, path="/", secure=secure, httponly=True, samesite="strict"
    )


def drop_said(response: Response, *, secure: bool) -> None:
    """It was shown."""
    response.delete_cookie(SAID, path="/", secure=secure, httponly=True, samesite="strict")


def said_before(request: Request) -> Said | None:
    """What the page before has to say; None: nothing, or nothing that was ours."""
    try:
        tone, text = json.loads(base64.urlsafe_b64decode(request.cookies[SAID]))
    except (KeyError, ValueError, TypeError, binascii.Error, RecursionError):
        return None
    if tone not in _TONES or not isinstance(text, str):
        return None
    return Said(tone, text[:_MOST_SAID].encode("utf-8", "replace").decode())  # half a letter is in no page
