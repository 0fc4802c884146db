"""Cameras that are looked at for users: opened, looked at in a process of its own, answered sealed.

It promises: one answer for each asking, also where it cannot be opened; at the end what is under way is ended
at once, and says nothing.

Deliberately not here: how many at a time, which the machine says.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final
from uuid import UUID

from sightline.errors import SightlineError
from sightline.fleet.deciding.agent.desired import LookAt
from sightline.fleet.deciding.agent.machine import LOOKS
from sightline.fleet.keys.identity import Identity, PublicKey
from sightline.fleet.probing.looking import look
from sightline.fleet.probing.words import Outcome, opened_wish, sealed_outcome
from sightline.log import get_logger, redact

_BROKE: Final = "the look at it broke; the log of the agent says how"


class CameraTests:
    """Of one agent. Any thread may ask.

    Args:
        identity, node_id: of this agent.
        coordinator: for whom answers are sealed.
    """

    def __init__(self, identity: Identity, node_id: UUID, coordinator: PublicKey) -> None:
        self._identity, self._node_id, self._coordinator = identity, node_id, coordinator
        self._pool = ThreadPoolExecutor(LOOKS + 1, thread_name_prefix="agent tests")
        self._lock = threading.Lock()
        self._under_way: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    def do(self, action: LookAt, answer: Callable[[str], None]) -> None:
        """`answer` is given what was seen, sealed; "": it cannot be said."""
        with suppress(RuntimeError):  # it is over
            self._pool.submit(lambda: answer(self._answer(action)))

    def end(self) -> None:
        """What is under way is ended."""
        with self._lock:
            self._ended = True
            for process in self._under_way:
                process.kill()
        self._pool.shutdown(cancel_futures=True)

    def _answer(self, action: LookAt) -> str:
        try:
            outcome = Outcome(fault=action.refused) if action.refused else self._seen(action)
            return sealed_outcome(outcome, self._coordinator, self._node_id, action.request)
        except SightlineError as error:
            get_logger(__name__).warning("what was seen of a camera cannot be sealed", reason=str(error))
            return ""

    def _seen(self, action: LookAt) -> Outcome:
        try:
            wish = opened_wish(action.sealed, self._identity, self._node_id, action.request)
            return look(wish, self._begun)
        except SightlineError as error:
            return Outcome(fault=redact(str(error)))
        except Exception as error:  # noqa: BLE001 - whatever it is, who asked has to hear that it failed
            get_logger(__name__).error("a look at a camera broke", reason=redact(repr(error)))
            return Outcome(fault=_BROKE)
        finally:
            with self._lock:
                self._under_way = {one for one in self._under_way if one.poll() is None}

    def _begun(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._under_way.add(process)
            if self._ended:
                process.kill()
