"""Names of topics, and which of them a reader wants. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from sightline.errors import ConfigError

Topics: TypeAlias = str | Iterable[str] | re.Pattern[str]
"""One topic, several, or all whose whole name matches a pattern."""

Wanted: TypeAlias = frozenset[str] | re.Pattern[str]

# As Kafka has them (its Topic.java), so that a topic can move to any broker.
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}", re.ASCII)


def checked_topic(name: str) -> str:
    """`name`. Raises ConfigError where it is not 1 to 249 letters, digits, dots, underscores and hyphens."""
    if _TOPIC.fullmatch(name) is None or name in (".", ".."):
        raise ConfigError(
            "expected a topic of 1 to 249 letters, digits and . _ - such as sightline.packets.gate, "
            f"got {name[:300]!r}"
        )
    return name


def topic_names(topics: str | Iterable[str]) -> frozenset[str]:
    """Topics by name; a lone string is one name. Raises ConfigError for a wrong name or none at all."""
    names = frozenset(map(checked_topic, (topics,) if isinstance(topics, str) else topics))
    if not names:
        raise ConfigError("expected at least one topic, got none")
    return names


def wanted_topics(topics: Topics) -> Wanted:
    """What a subscription asks for, checked. Raises ConfigError as `topic_names` does."""
    return topics if isinstance(topics, re.Pattern) else topic_names(topics)


def is_wanted(topic: str, wanted: Wanted) -> bool:
    """Whether `topic` is one of them; a pattern has to match the whole name."""
    if isinstance(wanted, re.Pattern):
        return wanted.fullmatch(topic) is not None
    return topic in wanted
