"""A Docker engine as others here ask it: each call has a time limit, and each error is one of ours.

The connection is made at the first call, and made anew after an error: an engine may come later, go, and come
back as another version. Any thread may ask.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

import docker
import docker.errors
import requests.exceptions

from sightline.errors import RuntimeFault
from sightline.log import redact

T = TypeVar("T")
CALL_S: Final = 15.0
_USUAL: Final = "unix:///var/run/docker.sock"


class Missing(RuntimeFault):
    """The engine answered: there is no such container, image or network."""


class Taken(RuntimeFault):
    """The engine answered: the name is taken, or the container is not in a state for that."""


class Engine:
    """One engine.

    Args:
        address: `unix:///...` or `tcp://...`; None: where DOCKER_HOST says, else the usual socket.
        call_s: how long a call may take; None: as long as it likes.
    """

    def __init__(self, address: str | None = None, *, call_s: float | None = CALL_S) -> None:
        self.address = address
        self._call_s = call_s
        self._lock = threading.Lock()
        self._made: docker.APIClient | None = None

    def ask(self, what: str, call: Callable[[docker.APIClient], T]) -> T:
        """What the engine answers; `what` says in a few words what for.

        Raises:
            Missing, Taken: it said so.
            RuntimeFault: it refused, or cannot be asked.
        """
        try:
            self._check_listened()
            return call(self._client())
        except docker.errors.NotFound as error:
            raise Missing(self._told(what, error)) from None
        except docker.errors.APIError as error:
            known = Taken if error.status_code == 409 else RuntimeFault
            raise known(self._told(what, error)) from None
        except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
            self.close()
            raise RuntimeFault(self._told(what, error)) from None

    def close(self) -> None:
        """Let go of the connection. The next call makes another."""
        with self._lock:
            made, self._made = self._made, None
        if made is not None:
            made.close()

    def _check_listened(self) -> None:
        """Where nobody listens the SDK leaves a socket open, at each call. Raises OSError."""
        url = self.address or str(docker.utils.kwargs_from_env().get("base_url") or _USUAL)
        path = url.partition("unix://")[2]
        if path:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(self._call_s or CALL_S)
                probe.connect(path)

    def _client(self) -> docker.APIClient:
        with self._lock:
            if self._made is None:
                self._made = _client(self.address, self._call_s)
            return self._made

    def _told(self, what: str, error: Exception) -> str:
        explanation = getattr(error, "explanation", None)
        reason = redact(str(explanation or error))[:500]
        return f"Docker at {self.address or 'its usual place'}: {what}: {reason}"


def _client(address: str | None, call_s: float | None) -> Any:
    settings = docker.utils.kwargs_from_env() if address is None else {"base_url": address}
    return docker.APIClient(**settings, version="auto", timeout=call_s)
