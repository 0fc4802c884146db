"""Groups and entries asked for by name: which of several holds, and that asking stays cheap."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.deepstream.document import ConfigFile, Entry, Form, Group

MANY = 50_000


def group(name: str, *pairs: tuple[str, str]) -> Group:
    return Group(name, tuple(Entry(key, value) for key, value in pairs))


TWICE = (group("a", ("k", "1"), ("l", "2")), group("b"), group("a", ("k", "3"), ("m", "4")))


def test_headers_of_one_name_are_one_group_in_text_and_the_first_holds_in_yaml() -> None:
    text, yaml = ConfigFile(Form.TXT, TWICE), ConfigFile(Form.YML, TWICE)
    assert [(entry.key, entry.value) for entry in text.entries("a")] == [("k", "3"), ("l", "2"), ("m", "4")]
    assert [(entry.key, entry.value) for entry in yaml.entries("a")] == [("k", "1"), ("l", "2")]
    assert (text.entry("a", "m"), yaml.entry("a", "m")) == (Entry("m", "4"), None)
    assert text.names == ("a", "b")
    assert text.named("a") == (TWICE[0], TWICE[2])
    assert (text.named("c"), list(text.entries("c")), text.entry("c", "k")) == ((), [], None)


def test_what_was_asked_before_changes_no_equality_and_is_not_carried_into_a_copy() -> None:
    asked, fresh = ConfigFile(Form.TXT, TWICE), ConfigFile(Form.TXT, TWICE)
    assert asked.entry("a", "k") == Entry("k", "3")
    assert asked.groups[0].all("k") == (Entry("k", "1"),)
    assert (asked, hash(asked), repr(asked)) == (fresh, hash(fresh), repr(fresh))
    other = replace(asked, groups=(replace(TWICE[0], entries=(Entry("k", "9"),)),))
    assert (other.entry("a", "k"), other.names) == (Entry("k", "9"), ("a",))
    assert other.groups[0].all("k") == (Entry("k", "9"),)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("kl"), st.text(max_size=1)), max_size=12))
def test_by_name_is_what_going_through_the_file_finds(written: list[tuple[str, str, str]]) -> None:
    file = ConfigFile(Form.TXT, tuple(group(name, (key, value)) for name, key, value in written))
    for name in "abcd":
        there = [entry for each in file.groups if each.name == name for entry in each.entries]
        assert list(file.named(name)) == [each for each in file.groups if each.name == name]
        assert list(file.entries(name)) == list({entry.key: entry for entry in there}.values())
        assert all(file.entry(name, key) == {e.key: e for e in there}.get(key) for key in "klm")
    whole = Group("g", tuple(Entry(key, value) for _, key, value in written))
    assert all(list(whole.all(k)) == [entry for entry in whole.entries if entry.key == k] for k in "klm")


@pytest.mark.parametrize("asked", ["named", "entries", "entry", "all"])
def test_asking_for_each_of_many_is_not_going_through_all_for_each(asked: str) -> None:
    # Gone through for each it were 2.5 * 10^9 looks, minutes; kept, some 10^5, well under a second.
    file = ConfigFile(Form.TXT, tuple(group(f"g{at}", ("k", "1")) for at in range(MANY)))
    long = group("long", *((f"k{at}", "1") for at in range(MANY)))
    listed = ConfigFile(Form.TXT, (long,))
    began_s = time.process_time()
    for at in range(MANY):
        if asked == "named":
            assert file.named(f"g{at}")
        elif asked == "entries":
            assert list(file.entries(f"g{at}"))
        elif asked == "entry":
            assert listed.entry("long", f"k{at}")
        else:
            assert long.all(f"k{at}")
    assert time.process_time() - began_s < 10.0
