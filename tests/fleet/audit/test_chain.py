"""Whatever is done to a chain that was written is found; a chain that was left alone is not suspected."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sightline.fleet.people.chain import START, Link, Mark, broken, canonical, hash_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ENTRY = st.dictionaries(st.text(max_size=8), VALUES, max_size=4)
QUICK = settings(max_examples=50)
CHAINS = st.lists(ENTRY, min_size=1, max_size=6)


def written(entries: list[dict[str, Any]], after: Mark = START) -> tuple[list[Link], Mark]:
    links, last = [], after
    for number, values in enumerate(entries, after.number + 1):
        last = Mark(number, hash_of(last.hash, values))
        links.append(Link(number, values, last.hash))
    return links, last


@QUICK
@given(CHAINS)
def test_a_chain_as_it_was_written_holds(entries: list[dict[str, Any]]) -> None:
    links, head = written(entries)
    assert broken(links, START, head) is None
    read = [link._replace(values=json.loads(json.dumps(link.values))) for link in links]
    assert broken(read, START, head) is None, "what went through a column of JSON is the same"


@QUICK
@given(CHAINS, st.data())
def test_an_entry_that_was_changed_is_named(entries: list[dict[str, Any]], data: st.DataObject) -> None:
    links, head = written(entries)
    at = data.draw(st.integers(0, len(links) - 1))
    other = data.draw(ENTRY)
    assume(canonical(other) != canonical(links[at].values))
    links[at] = links[at]._replace(values=other)
    found = broken(links, START, head)
    assert found is not None
    assert found.number == links[at].number


@QUICK
@given(CHAINS, st.data())
def test_an_entry_whose_hash_was_made_anew_is_found_at_the_next(
    entries: list[dict[str, Any]], data: st.DataObject
) -> None:
    links, head = written(entries)
    at = data.draw(st.integers(0, len(links) - 1))
    other = data.draw(ENTRY)
    assume(canonical(other) != canonical(links[at].values))
    before = links[at - 1].hash if at else START.hash
    links[at] = Link(links[at].number, other, hash_of(before, other))
    found = broken(links, START, head)
    assert found is not None
    assert found.number == min(at + 2, len(links))


@QUICK
@given(CHAINS, st.data())
def test_entries_that_were_taken_out_are_missed(entries: list[dict[str, Any]], data: st.DataObject) -> None:
    links, head = written(entries)
    gone = data.draw(st.sets(st.integers(0, len(links) - 1), min_size=1))
    kept = [link for number, link in enumerate(links) if number not in gone]
    assert broken(kept, START, head) is not None


@QUICK
@given(CHAINS, st.data())
def test_entries_that_changed_places_are_found(entries: list[dict[str, Any]], data: st.DataObject) -> None:
    links, head = written(entries)
    order = data.draw(st.permutations(range(len(links))))
    assume(order != list(range(len(links))))
    assert broken([links[number] for number in order], START, head) is not None
    renumbered = [links[number]._replace(number=place) for place, number in enumerate(order, 1)]
    assert broken(renumbered, START, head) is not None


@QUICK
@given(CHAINS, ENTRY, st.data())
def test_an_entry_that_was_put_in_is_found(
    entries: list[dict[str, Any]], more: dict[str, Any], data: st.DataObject
) -> None:
    links, head = written(entries)
    at = data.draw(st.integers(0, len(links)))
    before = links[at - 1].hash if at else START.hash
    there = [*links[:at], Link(0, more, hash_of(before, more)), *links[at:]]
    renumbered = [link._replace(number=place) for place, link in enumerate(there, 1)]
    assert broken(renumbered, START, head) is not None


@QUICK
@given(CHAINS, CHAINS)
def test_a_chain_whose_begin_was_cut_goes_on_from_there(
    old: list[dict[str, Any]], new: list[dict[str, Any]]
) -> None:
    _, cut = written(old)
    links, head = written(new, cut)
    assert broken(links, cut, head) is None
    assert broken(links, START, head) is not None


@QUICK
@given(CHAINS)
def test_the_same_values_are_written_down_in_one_way(entries: list[dict[str, Any]]) -> None:
    for values in entries:
        turned = dict(reversed(values.items()))
        assert canonical(turned) == canonical(values)
        assert json.loads(canonical(values)) == values


def test_what_is_no_value_of_json_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical({"a": float("nan")})
