"""What pages load besides themselves: styles, scripts and pictures, of this package alone.

It promises: an address names the version of all of them, so that a browser keeps what it has for good and
never mixes two versions; what is served was read at the begin, so no address leads to another file.

Deliberately not here: anything from elsewhere. A page needs nothing but its own server.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain; charset=utf-8",
}
_FOR_GOOD: Final = "public, max-age=31536000, immutable"


class _Asset(NamedTuple):
    content_type: str
    plain: bytes
    packed: bytes


class Assets:
    """All of them, from now on as they are now.

    Args:
        folder: they are in; what has no known kind is not served.
    """

    def __init__(self, folder: Traversable | None = None) -> None:
        self._all = _read(folder or files("sightline.cockpit") / "static")
        digest = hashlib.sha256()
        for name, asset in sorted(self._all.items()):
            digest.update(name.encode() + b"\0" + asset.plain)
        self.version: Final = digest.hexdigest()[:16]

    def path(self, name: str) -> str:
        """The address of one. Raises KeyError: there is none of that name."""
        if name not in self._all:
            raise KeyError(f"expected one of {', '.join(sorted(self._all))}, got {name!r}")
        return f"/static/{self.version}/{name}"

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def route(self) -> Route:
        """That serves them."""
        return Route("/static/{version}/{name}", self._answer, name="page_static")

    async def _answer(self, request: Request) -> Response:
        asset = self._all.get(request.path_params["name"])
        if asset is None or request.path_params["version"] != self.version:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such file in this version")
        headers = {"content-type": asset.content_type, "cache-control": _FOR_GOOD, "vary": "accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.packed, headers={**headers, "content-encoding": "gzip"})
        return Response(asset.plain, headers=headers)


def _read(folder: Traversable) -> Mapping[str, _Asset]:
    found = {}
    for file in folder.iterdir():
        content_type = next((kind for end, kind in _TYPES.items() if file.name.endswith(end)), None)
        if content_type is not None and file.is_file():
            plain = file.read_bytes()
            found[file.name] = _Asset(content_type, plain, gzip.compress(plain, mtime=0))
    return found
