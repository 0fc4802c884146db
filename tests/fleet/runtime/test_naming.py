"""Any text names an instance, and what is made of it names a folder and a container."""

import re

from hypothesis import given
from hypothesis import strategies as st

from sightline.fleet.runtime.naming import MOST_CHARACTERS, slug


@given(st.text(min_size=1, max_size=300))
def test_any_text_becomes_a_plain_short_name(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", slug(name), re.ASCII)
    assert len(slug(name)) <= MOST_CHARACTERS
    assert slug(name) == slug(name)


@given(st.lists(st.text("aA-ä/. 1é", min_size=1, max_size=6), unique=True))
def test_two_names_never_have_one_slug(names: list[str]) -> None:
    assert len({slug(name) for name in names}) == len(names)


def test_a_plain_name_stays_as_it_is() -> None:
    assert slug("west-wing-2") == "west-wing-2"


def test_nobody_takes_the_slug_of_another_by_its_name() -> None:
    taken = slug("West Wing")
    assert slug(taken) != taken


def test_a_path_stays_within_its_folder() -> None:
    for name in ("../../etc/passwd", "..", ".", "/", "a/b", "C:\\x", "\0", "work", ".key"):
        assert "/" not in slug(name)
        assert "." not in slug(name)
