"""What a channel keeps, against a list of all that was ever added."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.hub.broker.runs import batch_run, messages_of, offsets_of, payload_of, single_run

from sightline.hub.broker.gaps import Gap
from sightline.hub.broker.group_buffer import GroupBuffer
from sightline.hub.broker.history import Kept, Last
from sightline.hub.broker.run import Run
from sightline.hub.settings import History, KeptKind

Added = tuple[int, int, bool, bytes]  # offset, weight, keyframe, key

runs_to_add = st.lists(
    st.one_of(
        st.lists(st.integers(0, 12), min_size=2, max_size=12),
        st.tuples(
            st.integers(0, 12), st.booleans(), st.one_of(st.none(), st.sampled_from([b"a", b"b", b"c"]))
        ),
    ),
    max_size=25,
)


def fed(kept: Kept, asked: Sequence[object]) -> list[list[Added]]:
    """Adds what was asked for: the messages of each run."""
    runs: list[list[Added]] = []
    at = 0
    for one in asked:
        if isinstance(one, list):
            run = batch_run(at, one)
            runs.append([(at + index, size, False, b"") for index, size in enumerate(one)])
        else:
            assert isinstance(one, tuple)
            size, keyframe, key = one
            run = single_run(at, size, keyframe=keyframe, key=key)
            runs.append([(at, run.size, keyframe, key or b"")])
        kept.add(run)
        at = run.next_offset
    return runs


def fitting(added: list[Added], history: History) -> list[Added]:
    """The longest end of it within the bounds."""
    while added and (
        (history.messages is not None and len(added) > history.messages)
        or sum(weight for _, weight, _, _ in added) > history.bytes
    ):
        added = added[1:]
    return added


def expected(runs: list[list[Added]], history: History) -> list[int]:
    added = [one for run in runs for one in run]
    if history.kind == "last":
        return [offset for offset, _, _, _ in fitting(added, history)]
    if history.kind == "per_key":
        kept: list[Added] = []
        for *_, one in runs:  # a run has one key, and comes and replaces as one
            kept = fitting([*(other for other in kept if other[3] != one[3]), one], history)
        return [offset for offset, _, _, _ in kept]
    begin = max((offset for offset, _, keyframe, _ in added if keyframe), default=len(added))
    whole = added[begin:]
    return [offset for offset, _, _, _ in whole] if fitting(whole, history) == whole else []


@given(
    st.sampled_from(["last", "per_key", "keyframe"]),
    st.integers(1, 10),
    st.integers(1, 90),
    runs_to_add,
    st.integers(0, 60),
)
@example("per_key", 2, 10, [[0, 0], (5, False, b"a"), [1, 0]], 0)
def test_a_history_keeps_what_its_kind_says(
    kind: KeptKind, messages: int, most_bytes: int, asked: list[object], since: int
) -> None:
    history = History(kind=kind, messages=messages, bytes=most_bytes)
    kept = Kept(history)
    runs = fed(kept, asked)
    added = [one for run in runs for one in run]
    offsets = expected(runs, history)
    assert offsets_of(*kept.runs()) == offsets
    assert offsets_of(*kept.runs(since)) == [offset for offset in offsets if offset >= since]
    assert kept.messages == len(offsets)
    assert kept.bytes == sum(weight for offset, weight, _, _ in added if offset in offsets)
    assert kept.added == len(added) == kept.evicted + kept.messages
    assert kept.next_offset == len(added)
    assert kept.first_offset == min(offsets, default=len(added))


@given(
    st.sampled_from(["last", "per_key", "keyframe"]),
    st.integers(1, 400),
    st.lists(st.tuples(runs_to_add, st.one_of(st.none(), st.integers(0, 150))), max_size=8),
)
def test_what_is_retained_has_no_hole_and_its_bound_holds(
    kind: KeptKind, retain_bytes: int, steps: list[tuple[list[object], int | None]]
) -> None:
    """From the offset asked for on, all is there; but what had gone before, or was over the bound."""
    kept = Kept(History(kind=kind, messages=5), retain_bytes=retain_bytes)
    weights: list[int] = []
    wanted: int | None = None
    gone = 0  # below it nothing is promised
    for asked, offset in steps:
        for one in asked:
            run = _run(one, len(weights))
            weights += (
                [len(payload) for _, _, payload in messages_of(run)] if run.messages > 1 else [run.size]
            )
            kept.add(run)
            while wanted is not None and _over(weights[max(wanted, gone) :], retain_bytes):
                gone = max(wanted, gone) + 1
        if wanted is not None and offset is not None and offset >= wanted:
            wanted = offset
        elif offset is None:
            wanted = None
        else:
            gone = max(gone, len(weights)) if wanted is None else max(gone, wanted)
            wanted = offset
        kept.retain_from(offset)
        assert kept.retained_bytes <= retain_bytes
        if wanted is None:
            assert not kept.retained_messages
            continue
        promised = list(range(max(wanted, gone), len(weights)))
        found = offsets_of(*kept.runs(wanted))
        assert found == sorted(set(found))
        assert found[len(found) - len(promised) :] == promised
        assert kept.first_offset <= min(promised, default=len(weights))


def _run(one: object, at: int) -> Run:
    if isinstance(one, list):
        return batch_run(at, one)
    assert isinstance(one, tuple)
    return single_run(at, one[0], keyframe=one[1], key=one[2])


def _over(weights: list[int], retain_bytes: int) -> bool:
    return sum(weights) > retain_bytes or len(weights) > max(retain_bytes // 16, 1)


def test_the_oldest_messages_of_a_batch_go_one_by_one() -> None:
    kept = Kept(History(messages=3))
    kept.add(batch_run(0, [1, 1, 1]))
    kept.add(single_run(3))
    assert offsets_of(*kept.runs()) == [1, 2, 3]
    assert (kept.messages, kept.evicted, kept.first_offset, kept.next_offset) == (3, 1, 1, 4)


def test_a_late_reader_begins_with_a_picture() -> None:
    kept = Kept(History(kind="keyframe"))
    kept.add(single_run(0))
    assert kept.runs() == []
    kept.add(single_run(1, keyframe=True))
    kept.add(single_run(2))
    assert offsets_of(*kept.runs()) == [1, 2]
    kept.add(single_run(3, keyframe=True))
    assert offsets_of(*kept.runs()) == [3]


def test_a_group_of_pictures_that_is_too_long_is_not_kept_in_part() -> None:
    kept = Kept(History(kind="keyframe", messages=3))
    kept.add(single_run(0, keyframe=True))
    kept.add(batch_run(1, [1, 1, 1]))
    kept.add(single_run(4))
    assert kept.runs() == []
    kept.add(single_run(5, keyframe=True))
    assert offsets_of(*kept.runs()) == [5]


def test_the_last_of_each_key_come_in_order_of_offsets() -> None:
    kept = Kept(History(kind="per_key"))
    for offset, key in enumerate([b"a", b"b", b"a", None]):
        kept.add(single_run(offset, key=key))
    kept.add(batch_run(4, [1, 1]))
    assert offsets_of(*kept.runs()) == [1, 2, 5]


def test_a_message_that_is_too_large_leaves_nothing() -> None:
    kept = Kept(History(bytes=10))
    kept.add(single_run(0, 5))
    kept.add(single_run(1, 11))
    assert kept.runs() == []
    assert (kept.first_offset, kept.next_offset) == (2, 2)


def test_a_group_finds_what_the_history_let_go() -> None:
    kept = Kept(History(messages=2))
    kept.add(batch_run(0, [1, 1, 1]))
    kept.retain_from(2)
    kept.add(batch_run(3, [1, 1, 1, 1]))
    assert offsets_of(*kept.runs(2)) == [2, 3, 4, 5, 6]
    assert offsets_of(*kept.runs()) == [5, 6]
    kept.retain_from(4)
    assert kept.first_offset == 4
    assert offsets_of(*kept.runs(0)) == [4, 5, 6]
    kept.retain_from(None)
    assert kept.first_offset == 5


def test_a_channel_without_a_history_can_retain() -> None:
    kept = Kept(next_offset=10)
    assert (kept.first_offset, kept.next_offset, kept.runs(0)) == (10, 10, [])
    kept.add(single_run(10))
    assert kept.runs(10) == []
    kept.retain_from(11)
    kept.add(batch_run(11, [1, 1]))
    assert offsets_of(*kept.runs(12)) == [12]
    assert kept.evicted == 3


@pytest.mark.parametrize("offset", [0, 1, 5])
def test_a_run_across_the_offset_is_cut(offset: int) -> None:
    kept = Kept(History())
    kept.add(batch_run(0, [3] * 6))
    (run,) = kept.runs(offset)
    assert messages_of(run) == [(at, 1000 + at, payload_of(at, 3)) for at in range(offset, 6)]


def test_one_far_behind_looks_through_no_more_than_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither to read, nor while others commit: the hub does nothing else meanwhile."""
    kept = Kept()
    kept.retain_from(0)
    for offset in range(1000):
        kept.add(single_run(offset))
    reader = GroupBuffer(kept, 0)
    looked: list[Run] = []
    cut = Run.after

    def counted(run: Run, messages: int) -> Run:
        looked.append(run)
        return cut(run, messages)

    monkeypatch.setattr(Run, "after", counted)
    assert offsets_of(*filter(None, (reader.take(1, 1e9, 0) for _ in range(1000)))) == list(range(1000))
    assert len(looked) < 100


def test_a_place_that_is_gone_is_not_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(retain_bytes=100)
    kept.retain_from(0)
    for offset in range(10):
        kept.add(single_run(offset, 20))
    monkeypatch.setattr(Last, "add", lambda *_: pytest.fail("all was kept anew"))
    kept.retain_from(0)
    kept.retain_from(3)
    assert offsets_of(*kept.runs(0)) == [5, 6, 7, 8, 9]


def test_a_group_passes_over_what_was_replaced_and_misses_what_made_room() -> None:
    kept = Kept(History(kind="per_key", messages=2))
    group = GroupBuffer(kept, 0)
    for offset, key in enumerate([b"a", b"b", b"b", b"b"]):
        kept.add(single_run(offset, key=key))
    assert kept.lost_before == 0
    first = group.take(10, 1e9, 0)
    assert first is not None
    assert (first.offset, group.gap_before(first.offset)) == (0, None)
    behind = GroupBuffer(kept, 0)
    kept.add(single_run(4, key=b"c"))  # which leaves no room for a
    assert (kept.lost_before, kept.first_offset) == (1, 3)
    for each, gap in ((group, None), (behind, Gap(0, 0, 1, "history"))):
        run = each.take(10, 1e9, 0)
        assert run is not None
        assert (run.offset, each.gap_before(run.offset)) == (3, gap)
        stats = each.stats()
        assert (stats.dropped, stats.balanced) == ({"history": 1} if gap else {}, True)


def test_what_is_retained_of_a_channel_of_last_ones_is_not_lost() -> None:
    kept = Kept(History(kind="per_key", messages=1))
    kept.retain_from(0)
    for offset, key in enumerate([b"a", b"b"]):
        kept.add(single_run(offset, key=key))
    assert kept.lost_before == 0
    kept.retain_from(1)
    assert kept.lost_before == 1
