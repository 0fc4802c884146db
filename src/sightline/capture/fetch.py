"""What an HLS list names, fetched by Python's HTTP client, so that whoever sends it is checked.

libav checks the certificate of the list, and of nothing that it fetches afterwards: not of the segments, and
not of the list when it is looked at again. With `tls: verify` it gets what `https://` lists name from here.

Promises: after the first fault nothing more is fetched. libav is given empty files instead, so that it ends
soon, and the fault is kept: what is raised within its calls, libav would try again, and PyAV would print.

Does not do: digest logins, and encrypted segments (`#EXT-X-KEY`), which are refused by name. With
`tls: trust` libav fetches all by itself, and can do both.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from sightline.capture import tls

if TYPE_CHECKING:
    import ssl

    from sightline.capture.camera import CameraInput

_T = TypeVar("_T")
_SCHEMES: Final = ("http", "https")


class Fetch:
    """Opens URLs for libav: `av.open(..., io_open=Fetch(camera))`.

    Attributes:
        fault: the first thing that went wrong, an OSError but for what is no URL or no HTTP; else None.
    """

    def __init__(self, camera: CameraInput) -> None:
        self._camera = camera
        self._context: ssl.SSLContext | None = None
        self.fault: Exception | None = None

    def __call__(self, url: str, _flags: int, options: dict[str, str]) -> Body:
        """The body of `url`, of which `options` may name a part."""
        return Body(self._guarded(lambda: self._open(url, options), None), self._guarded)

    def _open(self, url: str, options: dict[str, str]) -> HTTPResponse:
        if self._context is None:
            self._context = tls.context(self._camera)
        request = _request(url, options)
        timeout_s = self._camera.read_timeout_s
        answer: HTTPResponse = urlopen(request, timeout=timeout_s, context=self._context)  # noqa: S310  checked
        return answer

    def _guarded(self, call: Callable[[], _T], otherwise: _T) -> _T:
        """What `call` gives; `otherwise` where it or another one before has failed."""
        if self.fault is None:
            try:
                return call()
            except (OSError, HTTPException, ValueError) as error:
                self.fault = error
                if isinstance(error, HTTPError):
                    error.close()  # it is the answer, too
        return otherwise


class Body:
    """What libav reads of one answer; empty where there is none."""

    def __init__(self, answer: HTTPResponse | None, guarded: Callable[..., bytes]) -> None:
        self._answer = answer
        self._guarded = guarded

    def read(self, count: int) -> bytes:
        answer = self._answer
        return b"" if answer is None else self._guarded(lambda: answer.read(count), b"")

    def close(self) -> None:
        if self._answer is not None:
            self._answer.close()


def _request(url: str, options: dict[str, str]) -> Request:
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:  # a list must not make us open files
        raise OSError(f"expected http:// or https:// in the list, got {parts.scheme}://")
    host = parts.netloc.rpartition("@")[2]
    request = Request(urlunsplit(parts._replace(netloc=host)))  # noqa: S310  checked above
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    if "end_offset" in options:  # RFC 9110 14.1.2 counts the last byte in
        start, end = int(options.get("offset", 0)), int(options["end_offset"]) - 1
        request.add_header("Range", f"bytes={start}-{end}")
    return request
