"""Who does things in tests of the audit."""

from __future__ import annotations

from contextlib import AbstractContextManager

from sightline.fleet.people.principal import Acting, Principal, Role, acting


def by(
    act: str, name: str = "ada", role: Role = Role.OPERATOR, desc: str = ""
) -> AbstractContextManager[None]:
    """Within this, that is done by them; each is a request of its own."""
    return acting(did(act, name, role, desc))


def did(act: str, name: str = "ada", role: Role = Role.OPERATOR, desc: str = "") -> Acting:
    """Something that they do."""
    who = Principal(name=name, role=role, how="session", address="10.0.0.9")
    return Acting(who=who, act=act, desc=desc)
