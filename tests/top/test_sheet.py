"""Rows: in order, with the words that were asked for, and as texts that a terminal may show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.log import hide_secret
from sightline.top.sheet import Column, Order, Row, Sheet, printable, reasons, shown, together

COLUMNS = (Column("name", "name"), Column("fps", "fps", 1))
VALUES = st.one_of(st.none(), st.floats(-1e9, 1e9), st.integers(-1000, 10**9))
ROWS = st.lists(st.tuples(st.text("abAB ", max_size=3), VALUES), max_size=8)


def sheet(*rows: tuple[str, float | None], feed: str = "here") -> Sheet:
    return Sheet("Things", COLUMNS, tuple(Row((feed, row[0]), row, feed=feed) for row in rows))


def names(of: Sheet) -> list[object]:
    return [row.values[0] for row in of.rows]


def test_rows_are_sorted_by_a_column_and_those_without_a_value_stand_last() -> None:
    things = sheet(("b", 2.0), ("C", None), ("a", 10.0))
    assert names(things.arranged(Order("fps"))) == ["a", "b", "C"]
    assert names(things.arranged(Order("fps", falling=False))) == ["b", "a", "C"]
    assert names(things.arranged(Order("name", falling=False))) == ["a", "b", "C"]
    assert names(things.arranged(Order())) == ["b", "C", "a"]


def test_only_rows_with_all_words_are_left_whatever_the_case() -> None:
    things = sheet(("gate north", 1.0), ("Gate south", 2.0), ("yard", None))
    assert names(things.arranged(Order(words="GATE"))) == ["gate north", "Gate south"]
    assert names(things.arranged(Order(words="south gate"))) == ["Gate south"]
    assert names(things.arranged(Order(words="2.0"))) == ["Gate south"]
    assert names(things.arranged(Order(words="nothing"))) == []
    noted = things._replace(rows=tuple(row._replace(note="held 0, lost none") for row in things.rows))
    assert names(noted.arranged(Order(words="held"))) == []


@given(ROWS, st.sampled_from(["", "name", "fps", "none of these"]), st.booleans())
def test_sorting_loses_no_row(rows: list[tuple[str, float | None]], column: str, falling: bool) -> None:
    before = sheet(*rows)
    after = before.arranged(Order(column, falling))
    assert sorted(map(repr, after.rows)) == sorted(map(repr, before.rows))
    known = [row.values[1] for row in after.rows if row.values[1] is not None] if column == "fps" else []
    assert known == sorted(known, reverse=falling)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0.0"),
        (1234.56, "1,234.6"),
        (250_000, "250k"),
        (12_345_678, "12.3M"),
        ("a", "a"),
        (1e300, ">1e12"),
        (10**400, ">1e12"),
        (float("nan"), ">1e12"),
    ],
)
def test_numbers_stay_narrow(value: float | str | None, text: str) -> None:
    assert shown(value, COLUMNS[1]) == text


@pytest.mark.parametrize(
    "told", ["\x1b[31mred\x1b[0m", "a\rb", "a\nb", "\x9b2J", "a\N{RIGHT-TO-LEFT OVERRIDE}b"]
)
def test_nothing_that_a_terminal_obeys_is_shown(told: str) -> None:
    assert printable(told).isprintable()
    assert len(printable(told)) == len(told)


def test_no_secret_is_shown_and_no_text_without_end() -> None:
    hide_secret("planted-7f3e")
    assert printable("rtsp://me:pw@cam and planted-7f3e") == "rtsp://***@cam and ***"
    assert len(printable("x" * 100_000)) == 2000
    assert "planted" not in printable("x" * 1990 + "planted-7f3e")  # half of it is a secret, too


def test_reasons_stand_in_order_and_those_without_a_count_do_not() -> None:
    assert reasons({"gap": 3, "overflow": 12, "closed": 0}) == "overflow 12, gap 3"
    assert reasons({}) == ""


def test_rows_of_several_feeds_say_where_they_are_from() -> None:
    both = together([sheet(("a", 1.0), feed="x"), sheet(("b", 2.0), feed="y")], {"x": "here", "y": "there"})
    assert [column.title for column in both.columns] == ["where", "name", "fps"]
    assert [row.values for row in both.rows] == [("here", "a", 1.0), ("there", "b", 2.0)]
    assert together([sheet(("a", 1.0))], {}) == sheet(("a", 1.0))
    assert both.records()[1] == {"feed": "there", "name": "b", "fps": 2.0}


def test_an_id_stays_what_it_is() -> None:
    assert shown(4_194_303, Column("pid", "pid")) == "4194303"
    assert shown(None, Column("pid", "pid")) == ""
