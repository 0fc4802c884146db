"""Feeds that are looked at again and again, each in a thread of its own: one that hangs holds up no other.

What was told last can be had at any moment, by any thread, without waiting. Where nothing was named, windows
of this machine come and go.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from typing import Final, Self, TypeAlias

from sightline.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from sightline.errors import ConfigError
from sightline.top.feed import Event, Feed, Target
from sightline.top.looks import Looks
from sightline.top.picture import Account, Picture, Seen

LOOK_S: Final = 1.0
LATE_S: Final = 3
"""After which it is said of a feed that it does not answer, though it may yet."""
_ENDS_S: Final = 2.0
Open: TypeAlias = Callable[[], Feed]
"""Begins to look. Raises SightlineError: it is not there."""
Find: TypeAlias = Callable[[], Mapping[str, Open]]
"""Gives what there is to be looked at, by name."""


class Watching:
    """Whatever `find` finds, looked at every `every_s` between `start()` and `close()`."""

    def __init__(self, find: Find, *, every_s: float = LOOK_S, clock: Clock = SYSTEM_CLOCK) -> None:
        self._find = find
        self._every_s = every_s
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="top", daemon=True)

    def start(self) -> None:
        """Begin: what there is now is known when this returns, though not how it is."""
        self._refresh()
        self._thread.start()

    def close(self) -> None:
        """Look no more. Again is allowed."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        for watched in self._watched.values():
            watched.leave()
        until_s = time.monotonic() + _ENDS_S
        for watched in self._watched.values():
            watched.join(max(0.0, until_s - time.monotonic()))

    @property
    def picture(self) -> Picture:
        """All that was told last."""
        now_ns = self._clock.monotonic_ns()
        return Picture({name: watched.seen(now_ns) for name, watched in dict(self._watched).items()})

    @property
    def looks(self) -> int:
        """How often the feed that answered least has answered."""
        return min((watched.looks for watched in dict(self._watched).values()), default=0)

    @property
    def is_settled(self) -> bool:
        """Whether all there is to be known at first is: of each feed two looks, or why there are none."""
        return all(watched.looks > 1 or watched.fault for watched in dict(self._watched).values())

    def events(self, feed: str, pipe: str) -> list[str]:
        """Those that a pipe answers. Raises SightlineError."""
        with closing(self._opened(feed)) as opened:
            return opened.events(pipe)

    def send(self, feed: str, target: Target, event: Event) -> str:
        """Send an event; what became of it, in words. Raises SightlineError."""
        with closing(self._opened(feed)) as opened:
            return opened.send(target, event)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _opened(self, feed: str) -> Feed:
        """A connection of its own: that of the looks may be waiting."""
        watched = self._watched.get(feed)
        if watched is None:
            raise ConfigError(f"{feed} is there no more")
        return watched.open()

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            with suppress(OSError):  # a folder went while it was looked through; the next time tells
                self._refresh()

    def _refresh(self) -> None:
        found = self._find()
        for name in self._watched.keys() - found.keys():
            self._watched.pop(name).leave()
        for name in found.keys() - self._watched.keys():
            self._watched[name] = _Watched(name, found[name], self._every_s, self._clock)
            self._watched[name].start()


class _Watched(threading.Thread):
    """One of them; once it does not answer, it is opened anew for the next look."""

    def __init__(self, name: str, opens: Open, every_s: float, clock: Clock) -> None:
        super().__init__(name=f"top {name}", daemon=True)
        self.looks = 0
        self._feed = name
        self._open = opens
        self._every_s = every_s
        self._clock = clock
        self._account: Account | None = None
        self._told_ns = 0
        self._asked_ns: int | None = None
        self.fault = ""
        self._left = threading.Event()

    def open(self) -> Feed:
        return self._open()

    def leave(self) -> None:
        self._left.set()

    def seen(self, now_ns: int) -> Seen:
        fault = self.fault or self._late(now_ns)
        return Seen(self._account, (now_ns - self._told_ns) // NS_PER_S if fault else 0, fault)

    def _late(self, now_ns: int) -> str:
        asked_ns = self._asked_ns
        waits_s = 0 if asked_ns is None else (now_ns - asked_ns) // NS_PER_S
        return f"no answer for {waits_s} s" if waits_s >= LATE_S else ""

    def run(self) -> None:
        while not self._left.is_set():
            self._asked_ns = self._clock.monotonic_ns()
            try:
                with closing(self._open()) as feed:
                    self._look_at(feed)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is shown, and the others go on
                self.fault = str(error) or repr(error)
                self._left.wait(self._every_s)

    def _look_at(self, feed: Feed) -> None:
        while not self._left.is_set():
            self._asked_ns = self._clock.monotonic_ns()
            now = feed.look()
            before = self._account.looks.now if self._account is not None else now
            self._account = Account.of(Looks(self._feed, now, before))
            self._told_ns, self._asked_ns = self._clock.monotonic_ns(), None
            self.fault = ""
            self.looks += 1
            self._left.wait(self._every_s)
