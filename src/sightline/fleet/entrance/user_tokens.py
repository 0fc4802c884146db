"""Tokens of users as they are made: their text is shown once.

Promises: whoever asks for one gets none that allows more than what they ask with; nobody makes many of their
own in a short time, as the audit keeps each. To take one back is never refused: it was made before.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sightline.errors import ConfigError
from sightline.fleet.entrance.secret_texts import TokenText, digest
from sightline.fleet.entrance.tries import Tries
from sightline.fleet.people.principal import Principal, Role, acting_now
from sightline.fleet.store.database import Database
from sightline.fleet.store.refusals import Missing
from sightline.fleet.store.user_tokens import UserTokenOut

_DAY_S: Final = 24 * 3600
USUAL_S: Final = 90 * _DAY_S
LONGEST_S: Final = 366 * _DAY_S


class MadeToken(NamedTuple):
    """A new one, and its text."""

    text: str
    row: UserTokenOut

    def __repr__(self) -> str:
        return f"MadeToken({self.row.token_id!r})"


class UserTokens:
    """Of one database. Any thread may use it."""

    def __init__(self, database: Database, tries: Tries) -> None:
        self._rows, self._tries = database.user_tokens, tries

    def list(self, user: str | None = None) -> list[UserTokenOut]:
        """All, or those of one, the newest first. Raises Missing."""
        return self._rows.list(user)

    def make(
        self,
        user: str,
        *,
        role: Role = Role.ADMIN,
        description: str = "",
        life_s: float = USUAL_S,
    ) -> MadeToken:
        """A new one, which allows what the user may, and at most `role` and what allows whoever acts to ask
        for it. Raises Missing, ConfigError, FleetError: they have too many.
        """
        if not 0 < life_s <= LONGEST_S:
            raise ConfigError(f"expected a token to hold for up to {LONGEST_S} s, a year, got {life_s:g}")
        token, asking = TokenText.made(), acting_now()
        most = role if asking is None or asking.who.role.allows(role) else asking.who.role
        row = self._rows.add(
            user, token.token_id, digest(token.secret), role=most, description=description, life_s=life_s
        )
        return MadeToken(str(token), row)

    def make_own(
        self, who: Principal, *, role: Role, description: str = "", life_s: float = USUAL_S
    ) -> MadeToken:
        """The same for whoever asks. Raises TooManyTries besides."""
        self._tries.of_user(who.name, "token")
        return self.make(who.name, role=role, description=description, life_s=life_s)

    def revoke(self, token_id: str, user: str | None = None) -> UserTokenOut:
        """It holds no more. Raises Missing: there is none, or it is another user's."""
        return self._rows.revoke(token_id, user)

    def revoke_own(self, token_id: str, who: Principal) -> UserTokenOut:
        """The same for one of whoever asks: a token does this to itself alone. Raises Missing."""
        if who.token_id not in {"", token_id}:
            raise Missing("token", token_id)
        return self.revoke(token_id, who.name)
