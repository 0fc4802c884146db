"""The coordinator's API, as a program asks it.

It promises: whatever goes wrong is a `FleetError` that says what, with the reasons that the coordinator gave;
the token is in no error. It decides nothing, and keeps nothing but a connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

import httpx

from sightline.errors import ConfigError, FleetError
from sightline.log import hide_secret, redact

_PAGE: Final = 500
_MOST_TEXT: Final = 300
_WHERE_TOKENS_ARE: Final = (
    " (that of SIGHTLINE_FLEET_TOKEN or of --token-env; it lies in the .token file beside its database)"
)


class Refused(FleetError):
    """The coordinator said no. `status` is HTTP's, `kind` the problem's."""

    def __init__(self, message: str, status: int, kind: str = "") -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


class Away(FleetError):
    """No coordinator answers there."""


class FleetClient:
    """Asks the coordinator at `url`, such as `http://127.0.0.1:8420`. A `with` block closes it."""

    def __init__(self, url: str, token: str, *, timeout_s: float = 30.0) -> None:
        hide_secret(token)
        try:
            self._http = httpx.Client(
                base_url=url,
                headers={"authorization": f"Bearer {token}"},
                timeout=timeout_s,
                trust_env=False,
            )
            scheme = self._http.base_url.scheme
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ConfigError(f"expected the coordinator's address, http://HOST:PORT: {error}") from None
        if scheme not in {"http", "https"}:
            raise ConfigError(f"expected the coordinator's address, http://HOST:PORT, got {redact(url)!r}")
        self.url = redact(url)

    def get(self, path: str, **query: object) -> Any:
        return self.ask("GET", path, query=query)

    def post(self, path: str, body: object = None, **query: object) -> Any:
        return self.ask("POST", path, json=body, query=query)

    def all_of(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        """Every item of a list, a page after the other."""
        offset = 0
        while True:
            page = self.get(path, limit=_PAGE, offset=offset, **query)
            yield from page["items"]
            offset += len(page["items"])
            if not page["items"] or offset >= page["total"]:
                return

    def ask(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """What is answered: JSON as values, else text; None where there is nothing."""
        said = {name: _texts(value) for name, value in (query or {}).items() if value is not None}
        try:
            response = self._http.request(
                method, path, params=said, json=json, content=content, headers=headers
            )
        except (httpx.ReadTimeout, httpx.WriteTimeout):
            waited = self._http.timeout.read
            raise Away(f"the coordinator at {self.url} did not answer within {waited:g} s") from None
        except httpx.HTTPError as error:
            told = redact(str(error)) or type(error).__name__
            raise Away(
                f"no coordinator answers at {self.url} ({told}): begin one with `sightline coordinator`, or "
                "say where it is by --url or SIGHTLINE_FLEET_URL"
            ) from None
        return _said(response)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def _texts(value: object) -> str | list[str]:
    return [str(one) for one in value] if isinstance(value, list) else str(value)


def _said(response: httpx.Response) -> Any:
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        raise _refusal(response)
    if not response.content:
        return None
    is_json = response.headers.get("content-type", "").startswith("application/json")
    return response.json() if is_json else response.text


def _refusal(response: httpx.Response) -> Refused:
    try:
        problem = response.json()
        lines = [f"  {one['pointer']}: {one['detail']}" for one in problem.get("errors", ())]
        detail = str(problem.get("detail") or problem["title"])
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            detail += _WHERE_TOKENS_ARE
        told = "\n".join([detail, *lines])
        return Refused(told, response.status_code, str(problem.get("type", "")).rpartition(":")[2])
    except (ValueError, KeyError, TypeError, AttributeError):
        text = redact(response.text[:_MOST_TEXT])
        return Refused(
            f"no coordinator's answer: status {response.status_code}, {text}", response.status_code
        )
