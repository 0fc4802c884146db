"""Who asks: whoever shows the coordinator's token, a user's token, or the cookie of a login.

Promises: of what is shown nothing is kept but hashes; who knows no password learns neither by the answers nor
by how long they take which users there are; tries have limits, and nobody is locked out for good: an address
from which a user is logged in has limits of its own.

Deliberately not here: what somebody may do (`people.rights`, `api.entitled`), and how it is asked over HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import StoreError
from sightline.fleet.entrance.first import First
from sightline.fleet.entrance.hashing import Hashing
from sightline.fleet.entrance.refusals import WrongLogin
from sightline.fleet.entrance.secret_texts import (
    TokenText,
    bearer,
    cookie_in,
    csrf_of,
    digest,
    looks_made,
    made,
    same,
)
from sightline.fleet.entrance.tries import Tries
from sightline.fleet.entrance.user_tokens import UserTokens
from sightline.fleet.entrance.users import Users
from sightline.fleet.people.passwords import LONGEST, is_old
from sightline.fleet.people.principal import Acting, Principal, Role, acting
from sightline.fleet.store.database import Database
from sightline.fleet.store.users import Known, checked_name

ROOT: Final = "root"
NOBODY: Final = "nobody"
"""Who is said to have tried a login that was wrong."""


@dataclass(frozen=True)
class Asked:
    """Somebody who was let in.

    Attributes:
        principal: who, and what they may.
        csrf: what a change by this session says besides; None: it was asked by a token, and needs none.
    """

    principal: Principal
    csrf: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Login:
    """A session that began: `cookie` is for its browser alone."""

    cookie: str = field(repr=False)
    asked: Asked


class Entrance:
    """Of one database. Any thread may use it.

    Args:
        database: has the users.
        root_token: the coordinator's own: whoever shows it is an admin called "root".
        clock: tells when limits give way.

    Attributes:
        users: to list, add and change them.
        tokens: theirs.
    """

    def __init__(self, database: Database, *, root_token: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self._database = database
        self._root = root_token
        self._hashing = Hashing()
        self._first = First(database, clock)
        self._tries = Tries(database.user_sessions, clock)
        self.users = Users(database, self._hashing)
        self.tokens = UserTokens(database, self._tries)

    def who(self, headers: Mapping[str, str], address: str) -> Asked | None:
        """Who asks; None: nobody that is known.

        Args:
            headers: of the request, their names in lower case.
            address: that it came from.
        """
        shown = bearer(headers)
        if shown is not None:  # then it is meant, and no cookie that a browser adds by itself
            return self._by_token(shown, address)
        cookie = cookie_in(headers)
        return None if cookie is None else self._by_cookie(cookie, address)

    def _by_token(self, shown: str, address: str) -> Asked | None:
        token = None if same(shown, self._root) else TokenText.parse(shown)
        if token is None:
            return self._by_root_token(shown, address)
        found = self._database.user_tokens.find(token.token_id)
        if found is None or not same(digest(token.secret), found.digest):
            return None
        if found.is_due:
            with suppress(StoreError):  # a disk that is full keeps nobody from looking
                self._database.user_tokens.used(token.token_id)
        user = Principal(
            name=found.user.name, role=found.role, how="token", address=address, token_id=token.token_id
        )
        return Asked(user)

    def _by_root_token(self, shown: str, address: str) -> Asked | None:
        """It may be one of eight letters that somebody chose, so that it could be guessed. One that was made
        is let in also from where somebody guesses.
        """
        if not (same(shown, self._root) if looks_made(self._root) else self._guessed(shown, address)):
            return None
        return Asked(Principal(name=ROOT, role=Role.ADMIN, how="root", address=address))

    def _guessed(self, shown: str, address: str) -> bool:
        """Whether it is the right one, and not one try too many."""
        if not self._tries.may_guess(address) or not same(shown, self._root):
            return False
        self._tries.guessed_right(address)
        return True

    def _by_cookie(self, cookie: str, address: str) -> Asked | None:
        found = self._database.user_sessions.find(digest(cookie))
        if found is None:
            return None
        if found.is_due:
            with suppress(StoreError):
                self._database.user_sessions.seen(digest(cookie))
        return _asked(found.user, cookie, address)

    def is_csrf(self, asked: Asked, token: str | None) -> bool:
        """Whether a change may be asked for so: by a token, or by a session's page itself."""
        return asked.csrf is None or (token is not None and same(asked.csrf, token))

    def login(self, name: str, password: str, address: str, browser: str = "") -> Login:
        """A new session. Raises WrongLogin, TooManyTries."""
        user = self._proven(name, password, address)
        if user is None or user.disabled:
            self._note_failed(name, address)
            raise WrongLogin
        self._tries.of_user(user.name, "login")
        if user.password is not None and is_old(user.password):
            self._database.users.rehash(user.id, user.password, self._hashing.hashed(password))
        login = self._begin(user, address, browser)
        self._note("login", login.asked.principal)
        return login

    def logout(self, cookie: str, address: str = "") -> None:
        """Its session is over."""
        found = self._database.user_sessions.find(digest(cookie))
        self._database.user_sessions.end(digest(cookie))
        if found is not None:
            self._note("logout", _asked(found.user, cookie, address).principal)

    def change_password(self, asked: Asked, old: str, new: str, address: str, browser: str = "") -> Login:
        """One's own; all one's sessions end, and this one begins. Raises WrongLogin, TooManyTries,
        ConfigError: the new one may not be set.
        """
        user = self._proven(asked.principal.name, old, address)
        if user is None:
            raise WrongLogin("the old password")
        self._tries.of_user(user.name, "password")
        now = self._database.users.change_own(user, self._hashing.hashed(new))
        if now is None:  # an admin gave another one, or disabled the user, while this one was looked at
            raise WrongLogin("the old password")
        return self._begin(now, address, browser)

    @property
    def needs_first(self) -> bool:
        """Whether there is no user yet."""
        return not self._database.users.is_any()

    def first_code(self) -> str:
        """What the first user shows, once and within the hour; the codes before hold no more."""
        return self._first.code()

    def first(self, code: str, name: str, password: str, address: str, browser: str = "") -> Login:
        """The first user, an admin. Raises WrongLogin, TooManyTries, ConfigError, FleetError."""
        self._tries.of_code(address)
        self._first.check(code)
        admin = Principal(name=checked_name(name), role=Role.ADMIN, how="session", address=address)
        kept = self._hashing.hashed(password)
        with acting(Acting(who=admin, act="first_login")):
            user = self._first.add(code, name, kept)
        return self._begin(user, address, browser)

    def _proven(self, name: str, password: str, address: str) -> Known | None:
        """The user of that password."""
        user = self._database.users.known(name)
        one = self._tries.of_login(user, name, address)
        kept = None if user is None else user.password
        is_right = self._hashing.fits(kept, password) and len(password) <= LONGEST
        if not is_right:
            return None
        self._tries.was_right(one)
        return user

    def _note(self, act: str, who: Principal) -> None:
        self._database.audit.note(Acting(who=who, act=act), of=[("user", who.name)])

    def _note_failed(self, name: str, address: str) -> None:
        """Of nobody's name nothing: it may be a password in the wrong field."""
        user = self._database.users.known(name)
        nobody = Principal(name=NOBODY, role=Role.VIEWER, how="session", address=address)
        of = [] if user is None else [("user", user.name)]
        with suppress(StoreError):
            self._database.audit.note(Acting(who=nobody, act="login_failed"), of=of, often=True)

    def _begin(self, user: Known, address: str, browser: str) -> Login:
        cookie = made()
        if not self._database.user_sessions.begin(user, digest(cookie), address, browser):
            raise WrongLogin
        return Login(cookie, _asked(user, cookie, address))


def _asked(user: Known, cookie: str, address: str) -> Asked:
    principal = Principal(name=user.name, role=user.role, how="session", address=address)
    return Asked(principal, csrf_of(cookie))
