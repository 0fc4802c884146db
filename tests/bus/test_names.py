"""Names of topics, and who wants them."""

import re

import pytest

from sightline.bus.names import checked_topic, is_wanted, topic_names, wanted_topics
from sightline.errors import ConfigError


@pytest.mark.parametrize("name", ["a", "sightline.packets.gate", "A-b_c.9", "x" * 249, "..."])
def test_a_topic_that_kafka_takes_is_taken(name: str) -> None:
    assert checked_topic(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 250, "a b", "a/b", "a:b", "tür", "a\n", "٣"])
def test_another_topic_is_refused_and_shown(name: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(repr(name))):
        checked_topic(name)


def test_a_lone_string_is_one_topic_and_not_its_letters() -> None:
    assert topic_names("gate") == {"gate"}
    assert topic_names(name for name in ("gate", "yard", "gate")) == {"gate", "yard"}


def test_no_topic_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one topic"):
        wanted_topics(())


def test_a_pattern_matches_the_whole_name() -> None:
    wanted = wanted_topics(re.compile(r"packets\..+"))
    assert [name for name in ("packets.a", "packets.", "my.packets.a") if is_wanted(name, wanted)] == [
        "packets.a"
    ]
    assert is_wanted("a", wanted_topics("a"))
    assert not is_wanted("ab", wanted_topics("a"))
