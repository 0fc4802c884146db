"""Names of topics, patterns that make one for each camera, and which of them a reader wants. Pure."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from typing import Final, TypeAlias

from sightline.errors import ConfigError

Topics: TypeAlias = str | Iterable[str] | re.Pattern[str]
"""One topic, several, or all whose whole name matches a pattern."""

Wanted: TypeAlias = frozenset[str] | re.Pattern[str]

PLACEHOLDER: Final = ":camera_id"
"""What stands for the camera in the pattern of a topic."""

# As Kafka has them (its Topic.java), so that a topic can move to any broker.
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}", re.ASCII)
_NOT_IN_TOPICS: Final = re.compile(r"[^A-Za-z0-9._-]")
_PLAIN: Final = frozenset(string.ascii_letters + string.digits + "_-")
_LONGEST_CAMERA: Final = "c" * 64  # that a site file may name


def checked_topic(name: str) -> str:
    """`name`. Raises ConfigError where it is not 1 to 249 letters, digits, dots, underscores and hyphens."""
    if _TOPIC.fullmatch(name) is None or name in (".", ".."):
        raise ConfigError(
            f"expected a topic of 1 to 249 letters, digits and . _ - such as raw_gate, got {name[:300]!r}"
        )
    return name


def topic_pattern(text: str) -> str:
    """`text` itself. Raises ConfigError where it does not make a topic for each camera."""
    if text.count(PLACEHOLDER) != 1:
        raise ConfigError(
            f"expected a topic with {PLACEHOLDER} in it once, such as raw_{PLACEHOLDER}, got {text!r}"
        )
    checked_topic(text.replace(PLACEHOLDER, _LONGEST_CAMERA))
    return text


def topic_of(pattern: str, camera_id: str) -> str:
    """The topic of a camera. What a topic may not have in it becomes `_` and its number in hexadecimal."""
    name = _NOT_IN_TOPICS.sub(lambda found: f"_{ord(found[0]):x}_", camera_id)
    return pattern.replace(PLACEHOLDER, name)


def camera_in(topic: str, pattern: str) -> str | None:
    """The camera that `topic` is of by its `pattern`; None where it is not made by that."""
    before, _, after = pattern.partition(PLACEHOLDER)
    made = len(topic) > len(before) + len(after) and topic.startswith(before) and topic.endswith(after)
    return topic[len(before) : len(topic) - len(after)] if made else None


def checked_group(name: str) -> str:
    """`name`, a group's. Raises ConfigError where it would not do as a topic's."""
    if _TOPIC.fullmatch(name) is None:
        raise ConfigError(f"expected a group of 1 to 249 letters, digits and . _ -, got {name[:300]!r}")
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


def other_topics(before: Wanted, topics: str | Iterable[str]) -> frozenset[str]:
    """What is wanted instead of `before`, checked; none at all will do.

    Raises:
        ConfigError: a topic is no name, or what matches a pattern was wanted before.
    """
    if isinstance(before, re.Pattern):
        raise ConfigError(f"expected a reader of topics by name, got one of the pattern {before.pattern!r}")
    return frozenset(map(checked_topic, (topics,) if isinstance(topics, str) else topics))


def is_wanted(topic: str, wanted: Wanted) -> bool:
    """Whether `topic` is one of them; a pattern has to match the whole name."""
    if isinstance(wanted, re.Pattern):
        return wanted.fullmatch(topic) is not None
    return topic in wanted


def literal_prefix(pattern: re.Pattern[str]) -> str:
    """What each name begins with that a pattern can match, as far as is easily seen; "" in doubt."""
    if pattern.flags & (re.IGNORECASE | re.VERBOSE) or "|" in pattern.pattern:
        return ""
    prefix = ""
    for part in re.finditer(r"\\?(.)", pattern.pattern, re.DOTALL):
        literal = part[0] in _PLAIN or part[0] in {r"\.", r"\-"}
        if part[0] in {"*", "?", "{"}:  # the one before it may be missing
            return prefix[:-1]
        if not literal:
            return prefix
        prefix += part[1]
    return prefix
