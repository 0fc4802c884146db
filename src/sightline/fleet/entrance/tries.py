"""How often passwords, codes and the coordinator's token may be tried, by name and by address; and how often
a user may log in, and do what the audit keeps with their own account.

Promises: a right one does not count; an address from which a user is logged in has limits of its own for that
user, so that strangers cannot use up theirs; nobody makes the audit long by themselves, or keeps others from
anything by trying to.
"""

from __future__ import annotations

import threading
from typing import Final, NamedTuple

from sightline.clock import Clock
from sightline.fleet.entrance.refusals import TooManyTries
from sightline.fleet.entrance.secret_texts import digest
from sightline.fleet.people.limits import Buckets, Rate, neighbourhood
from sightline.fleet.store.user_sessions import UserSessions
from sightline.fleet.store.users import Known, folded

BY_NAME: Final = Rate(10, 30.0)
BY_ADDRESS: Final = Rate(20, 6.0)
GUESSES: Final = Rate(100, 1.0)
"""Of the coordinator's token, from an address."""
OF_USER: Final = Rate(60, 30.0)
"""Of logins, and of each thing that one does with one's own account: more than a user has sessions."""


class Try(NamedTuple):
    """Of a name and a password: whose limits it counts for."""

    who: str
    where: str


class Tries:
    """Any thread may use it."""

    def __init__(self, sessions: UserSessions, clock: Clock) -> None:
        self._sessions, self._clock = sessions, clock
        self._lock = threading.Lock()
        self._by_name, self._by_address = Buckets(BY_NAME), Buckets(BY_ADDRESS)
        self._guesses, self._of_user = Buckets(GUESSES), Buckets(OF_USER)

    def of_login(self, user: Known | None, name: str, address: str) -> Try:
        """One more, by that name, which may be nobody's. Raises TooManyTries."""
        where, who = neighbourhood(address), digest(folded(name))
        if self._sessions.came_from(-1 if user is None else user.id, address):
            where, who = f"{where} own", f"{who} {where}"
        self._take(self._by_address, where)
        self._take(self._by_name, who)
        return Try(who, where)

    def was_right(self, one: Try) -> None:
        """That one does not count."""
        with self._lock:
            self._by_name.give_back(one.who)
            self._by_address.give_back(one.where)

    def of_code(self, address: str) -> None:
        """One more of the first login's code. Raises TooManyTries."""
        self._take(self._by_address, neighbourhood(address))

    def of_user(self, name: str, act: str) -> None:
        """One more of this act by a user, who showed that it is them. Raises TooManyTries."""
        self._take(self._of_user, f"{act} {name}")

    def may_guess(self, address: str) -> bool:
        """One more of the coordinator's token: whether it is looked at."""
        with self._lock:
            return not self._guesses.take(neighbourhood(address), self._clock.monotonic_ns())

    def guessed_right(self, address: str) -> None:
        """That one does not count."""
        with self._lock:
            self._guesses.give_back(neighbourhood(address))

    def _take(self, buckets: Buckets, who: str) -> None:
        with self._lock:
            wait_s = buckets.take(who, self._clock.monotonic_ns())
        if wait_s:
            raise TooManyTries(wait_s)
