"""Who asks, what that allows, and who is written down for what is changed.

Promises: a role has all that the ones before it have; what is done within `acting` is told to whoever writes
the audit, in the same thread or a thread that this context was copied to, and to nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, Literal, TypeAlias
from uuid import uuid4

How: TypeAlias = Literal["session", "token", "root", "command"]
"""By which it is known: a cookie, a user's token, the coordinator's own token, its machine's shell."""


class Role(Enum):
    """What somebody may do, the least first.

    VIEWER looks at everything but users and tokens. OPERATOR changes rows, applies and acts. ADMIN decides
    who may: users, tokens, which machines are let in.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """The higher the more."""
        return _ORDER.index(self)

    def allows(self, needed: Role) -> bool:
        """Whether who has this may do what needs `needed`."""
        return self.rank >= needed.rank


_ORDER: Final = tuple(Role)


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Somebody who asks.

    Attributes:
        name: of the user; "root" is whoever knows the coordinator's own token.
        role: what this allows: the user's, or less where a token has less.
        how: it was shown.
        address: it came from; "" where that is not known.
        token_id: of the user's token that was shown; "" where it was none.
    """

    name: str
    role: Role
    how: How
    address: str = ""
    token_id: str = ""

    @property
    def known_by(self) -> str:
        """How, and by which token: of two programs of one user it is told which one did something."""
        return f"{self.how} {self.token_id}" if self.token_id else self.how


@dataclass(frozen=True, kw_only=True)
class Acting:
    """What is being done, and by whom: an entry of the audit once something is written.

    Attributes:
        who: does it.
        act: its name, that of the route: `change_camera`, `update_config`.
        desc: why, as its user says.
        request: what it writes in several transactions is one act, told from all others by this.
    """

    who: Principal
    act: str
    desc: str = ""
    request: str = field(default_factory=lambda: uuid4().hex, compare=False, repr=False)


_NOW: ContextVar[Acting | None] = ContextVar("acting", default=None)


def acting_now() -> Acting | None:
    """Who does what is being done here; None: nobody, the fleet does it by itself."""
    return _NOW.get()


@contextmanager
def acting(what: Acting) -> Iterator[None]:
    """Within this, all that is written is `what`."""
    token = _NOW.set(what)
    try:
        yield
    finally:
        _NOW.reset(token)


@contextmanager
def because(desc: str) -> Iterator[None]:
    """Within this, what is being done has this reason."""
    now = _NOW.get()
    if now is None:
        yield
    else:
        with acting(replace(now, desc=desc)):
            yield


def act(what: Acting | None) -> None:
    """The same for the rest of this task: for a server, where each request is a task. None: nobody, as one
    begins, for a task has what that one has which began it.
    """
    _NOW.set(what)
