"""Passwords as they are kept: hashes of argon2id, with RFC 9106's parameters for machines of little memory.

Promises: to check the password of nobody takes as long as that of somebody; a text that is no hash of ours
fits no password. It computes and keeps nothing; a hashing takes 64 MiB and some tens of milliseconds, so who
calls sees to how many there are at once.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import argon2
from argon2.exceptions import Argon2Error, InvalidHashError

from sightline.errors import ConfigError

SHORTEST: Final = 12
LONGEST: Final = 1024
_HASHER: Final = argon2.PasswordHasher()


def check_password(password: str) -> None:
    """See that a new one may be set. Raises ConfigError, which does not show it."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError(
            f"expected a password of {SHORTEST} to {LONGEST} characters, got one of {len(password)}"
        )


def hashed(password: str) -> str:
    """As it is kept: with its salt and parameters."""
    return _HASHER.hash(_bytes(password))


def fits(kept: str | None, password: str) -> bool:
    """Whether it is that one. None: of nobody, so no, after as long as it takes to know."""
    nobodys = _of_nobody()
    try:
        _HASHER.verify(nobodys if kept is None else kept, _bytes(password))
    except (Argon2Error, InvalidHashError):
        return False
    return kept is not None


def is_old(kept: str) -> bool:
    """Whether it was made with other parameters than those of now."""
    return _HASHER.check_needs_rehash(kept)


@cache
def _of_nobody() -> str:
    return _HASHER.hash(b"the password of nobody")


def _bytes(password: str) -> bytes:
    # Half of a pair of code units may come in JSON, and no encoder takes it: it is a letter like others here.
    return password[: LONGEST + 1].encode("utf-8", "surrogatepass")
