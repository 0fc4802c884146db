"""The part of the suite for logs that is about topics that keep the last message of each key.

When a log lets go of what a newer message took the place of is its own business, and may take it minutes: so
this asks what is there, and that nothing is told missing; a back end's own tests see that the rest goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from sightline.bus.log import Gap, Log
from sightline.bus.log_trial import LogTrial, Member
from sightline.bus.promise import Message
from sightline.bus.trial import expect, expect_error
from sightline.errors import ConfigError

_LAST: Final = b"last"


def who_comes_late_gets_the_last_of_each_key(trial: LogTrial) -> None:
    log, topic = _compacted(trial, "last-of-each")
    _put(log, topic, [(b"quiet", b"stays"), *((b"busy", b"%d" % number) for number in range(50))])
    for large in _more_than_it_keeps(trial, log):
        _put(log, topic, [(b"busy", large)])
    _put(log, topic, [(b"busy", _LAST), (b"other", _LAST)])
    for group in ("group", None):
        member = trial.member(trial.log(), topic, group)
        _until(trial, member, b"other", _LAST)
        expect(_newest(member.got), {b"quiet": b"stays", b"busy": _LAST, b"other": _LAST}, "last of each key")
        offsets = [message.offset for message in member.got]
        expect(offsets, sorted(set(offsets)), "offsets that rise")
        _told_of_no_gap(trial, member)


def who_stood_still_goes_on_without_a_gap(trial: LogTrial) -> None:
    log, topic = _compacted(trial, "stands")
    _put(log, topic, [(b"a", b"1"), (b"b", b"1")])
    members = [trial.member(trial.log(), topic, group) for group in ("group", None)]
    for member in members:
        _until(trial, member, b"b", b"1")
    _put(log, topic, [(b"a", b"%d" % number) for number in range(2, 200)])
    _put(log, topic, [(b"b", _LAST)])
    for member in members:
        _until(trial, member, b"b", _LAST)
        expect(_newest(member.got), {b"a": b"199", b"b": _LAST}, "what it knows")
        _told_of_no_gap(trial, member)


def who_only_reads_what_is_new_gets_that(trial: LogTrial) -> None:
    log, topic = _compacted(trial, "latest")
    _put(log, topic, [(b"a", b"1")])
    trial.wait(lambda: log.ends(topic)[topic].next == 1, "a message in the log")
    member = trial.member(trial.log(), topic, None, "latest")
    _put(log, topic, [(b"b", _LAST)])
    expect(trial.get(member, 1), [_LAST], "what is new")


def an_empty_value_says_that_its_key_is_gone(trial: LogTrial) -> None:
    log, topic = _compacted(trial, "gone")
    _put(log, topic, [(b"a", b"1"), (b"b", b"1")])
    there = trial.member(trial.log(), topic)
    _until(trial, there, b"b", b"1")
    _put(log, topic, [(b"a", b""), (b"b", _LAST)])
    late = trial.member(trial.log(), topic)
    for member in (there, late):
        _until(trial, member, b"b", _LAST)
    expect(_newest(there.got), {b"a": b"", b"b": _LAST}, "what one who was there knows")
    known = {key: value for key, value in _newest(late.got).items() if value}
    expect(known, {b"b": _LAST}, "what one who comes late knows")


def what_keeps_its_messages_otherwise_is_not_compacted(trial: LogTrial) -> None:
    log, other = trial.log(), trial.topic("otherwise")
    trial.put(log, other, [b"one"])
    with expect_error(ConfigError, "compacting a topic that keeps its messages otherwise", other):
        trial.log().compact([other])
    member = trial.member(trial.log(), other)
    expect(trial.get(member, 1), [b"one"], "what it kept")
    with expect_error(ConfigError, "compacting what is no topic"):
        log.compact("a b")
    log, topic = _compacted(trial, "again")
    _put(log, topic, [(b"a", b"1")])
    trial.log().compact(topic)  # again, by another handle, changes nothing
    for key in (None, b""):
        with expect_error(ConfigError, f"the key {key!r} in a compacted topic", topic):
            log.publish(topic, b"2", key=key)
    expect(trial.get(trial.member(trial.log(), topic), 1), [b"1"], "what it kept")


def _compacted(trial: LogTrial, name: str) -> tuple[Log, str]:
    log, topic = trial.log(), trial.topic(name)
    log.compact(topic)
    trial.wait(lambda: topic in log.ends(topic), "a topic that was made")
    return log, topic


def _put(log: Log, topic: str, messages: Iterable[tuple[bytes, bytes]]) -> None:
    for key, value in messages:
        log.publish(topic, value, key=key)


def _more_than_it_keeps(trial: LogTrial, log: Log) -> list[bytes]:
    """So many large values that a topic which keeps the last messages would have lost the first ones."""
    large = bytes(min(log.max_message_bytes // 2, trial.history_bytes // 4))
    return [large] * 6 if large else []


def _until(trial: LogTrial, member: Member, key: bytes, value: bytes) -> None:
    def has_it() -> bool:
        return _newest(member.got).get(key) == value

    trial.turn([member], has_it, f"{value!r} of key {key!r}")


def _newest(messages: Iterable[Message]) -> dict[bytes | None, bytes]:
    return {message.key: message.value for message in messages}


def _told_of_no_gap(trial: LogTrial, member: Member) -> None:
    expect([event for event in member.events if isinstance(event, Gap)], [], "gaps that are told")
    stats = member.consumer.stats()
    expect((stats.dropped, stats.balanced), ({}, True), "counts")
    trial.wait(lambda: not any(member.consumer.lag().values()), "a lag of 0")


COMPACTING: Final[tuple[Callable[[LogTrial], None], ...]] = (
    who_comes_late_gets_the_last_of_each_key,
    who_stood_still_goes_on_without_a_gap,
    who_only_reads_what_is_new_gets_that,
    an_empty_value_says_that_its_key_is_gone,
    what_keeps_its_messages_otherwise_is_not_compacted,
)
