"""Names of topics, and who wants them."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sightline.bus.names import (
    camera_in,
    checked_topic,
    is_wanted,
    literal_prefix,
    topic_names,
    topic_of,
    topic_pattern,
    wanted_topics,
)
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


def test_a_pattern_makes_a_topic_for_any_camera() -> None:
    assert topic_of("raw_:camera_id", "gate-2.a_B") == "raw_gate-2.a_B"
    assert topic_of(":camera_id.seen", "höf 2") == "h_f6_f_20_2.seen"


def test_the_camera_can_be_read_off_its_topic() -> None:
    assert camera_in("raw_gate_2", "raw_:camera_id") == "gate_2"
    assert camera_in("a.gate.b", "a.:camera_id.b") == "gate"
    assert [camera_in(topic, "a.:camera_id.b") for topic in ("a.gate", "gate.b", "a.b", "a..b")] == [None] * 4


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("results", "with :camera_id in it once, such as raw_:camera_id, got 'results'"),
        (":camera_id:camera_id", "in it once"),
        ("a/:camera_id", "expected a topic of 1 to 249 letters"),
        ("x" * 190 + ":camera_id", "expected a topic of 1 to 249 letters"),
    ],
)
def test_a_pattern_that_makes_no_topic_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        topic_pattern(pattern)
    assert topic_pattern("raw_:camera_id") == "raw_:camera_id"


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        (r"packets\.a-b[0-9]", "packets.a-b"),
        ("raw_.+", "raw_"),
        (r"raw_\d", "raw_"),
        ("ab*", "a"),
        ("ab?c", "a"),
        ("ab{2}", "a"),
        ("ab+", "ab"),
        ("a|b", ""),
        ("(?i)a", ""),
        ("^a", ""),
        (".*", ""),
        ("", ""),
        ("abc", "abc"),
    ],
)
def test_what_all_names_begin_with_is_read_off_a_pattern(pattern: str, prefix: str) -> None:
    assert literal_prefix(re.compile(pattern)) == prefix


@given(st.from_regex(r"[a-c._\\-]{0,6}([+*?]|\[ab\]|\{2\}|\\d|\.)?[a-c]{0,2}", fullmatch=True), st.data())
def test_no_name_that_matches_begins_otherwise(pattern: str, data: st.DataObject) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error:
        assume(condition=False)
    name = data.draw(st.from_regex(compiled, fullmatch=True))
    assert name.startswith(literal_prefix(compiled))
