"""Notices that a broker was away: it is asked for something small, again and again.

A handle waits for a broker that is away, and says nothing; but whoever counts leases has to know that nothing
can have come meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from sightline.errors import Closed, SightlineError
from sightline.fleet.post.link import Link
from sightline.log import get_logger

ASK_S: Final = 1.0
LATE_S: Final = 3.0
"""An answer that took longer came from a broker that was away."""


class Watching:
    """One thread that asks.

    Args:
        link: to the bus.
        topic: whose ends it asks for.
        on_back: called in the thread, when the broker answers after messages may have been missed.
    """

    def __init__(self, link: Link, topic: str, on_back: Callable[[], None]) -> None:
        self._link = link
        self._topic = topic
        self._on_back = on_back
        self._logger = get_logger(__name__)
        self._missed = threading.Event()
        self._ending = threading.Event()
        self._awake = threading.Event()
        self.answers = True
        self._thread = threading.Thread(target=self._live, name="fleet watching", daemon=True)
        self._thread.start()

    def missed(self) -> None:
        """Something may have been missed, for another reason."""
        self._missed.set()
        self._awake.set()

    def end(self) -> None:
        self._ending.set()
        self._awake.set()
        self._thread.join()

    def _live(self) -> None:
        while not self._ending.is_set():
            try:
                answers = self._asked()
            except Closed:
                return
            if not answers:
                self._missed.set()
            elif self._missed.is_set():
                self._missed.clear()
                self._back()
            self.answers = answers
            if self._awake.wait(ASK_S):
                self._awake.clear()

    def _asked(self) -> bool:
        """Whether it answered, and soon."""
        log = self._link.log(ASK_S)
        if log is None:
            return False
        begun_s = time.monotonic()
        try:
            log.ends(self._topic)
        except Closed:  # the handle; of the link that would come with the next question
            return False
        except SightlineError as error:
            self._logger.debug("the bus does not answer", reason=str(error))
            return False
        return time.monotonic() - begun_s < LATE_S

    def _back(self) -> None:
        self._logger.info("the bus is back")
        try:
            self._on_back()
        except Closed:  # whoever was to be told is ending
            return
