"""One look a second at the fleet for all who listen, and none while nobody does.

It promises: however many listen, one task looks; each is woken when something is new, and asks `News` itself
for what, so nothing waits in a queue of theirs; they have a bound, in all and of each user.

Where the fleet cannot be looked at, nobody is told that all is well: `is_well` says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sightline.cockpit.news import News
from sightline.errors import SightlineError
from sightline.fleet.people.principal import Principal
from sightline.fleet.people.slots import Slots
from sightline.log import get_logger

EVERY_S: Final = 1.0

Look = Callable[[], Mapping[str, object]]


class Watching:
    """Of one fleet, in one event loop.

    Args:
        news: what is told.
        look: gives the marks of now; it may wait, and is called in a thread.
        listeners: places of those who listen.
        every_s: between two looks.
    """

    def __init__(self, news: News, look: Look, listeners: Slots, *, every_s: float = EVERY_S) -> None:
        self.news = news
        self._look, self._every_s, self._listeners = look, every_s, listeners
        self._looked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_well = False

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @property
    def is_well(self) -> bool:
        """Whether the last look was one."""
        return self._is_well

    @contextmanager
    def listening(self, who: Principal) -> Iterator[None]:
        """Within this, looks are taken. Raises BufferFull: too many listen, in all or of theirs."""
        with self._listeners.one(who):
            if self._task is None or self._task.done():
                self._is_well = False
                self._task = asyncio.create_task(self._look_on())
            yield

    async def next_look(self) -> None:
        """Wait until one was taken."""
        await self._looked.wait()

    async def _look_on(self) -> None:
        while len(self._listeners):
            await self._look_once()
            looked, self._looked = self._looked, asyncio.Event()
            looked.set()
            await asyncio.sleep(self._every_s)

    async def _look_once(self) -> None:
        was_well = self._is_well
        try:
            self.news.saw(await asyncio.to_thread(self._look))
            self._is_well = True
        except Exception as error:  # noqa: BLE001 - who listens must go on doing so, whatever it was
            self._is_well = False
            if was_well or not isinstance(error, SightlineError):
                get_logger(__name__).warning("the fleet cannot be looked at", reason=repr(error)[:500])
