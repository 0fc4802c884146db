import pytest

from sightline.errors import ConfigError
from sightline.site.mistakes import (
    MAX_MISTAKES,
    Finding,
    Mistake,
    Place,
    SiteError,
    dotted,
    listed,
    mistakes_of,
    printable,
)


def test_a_mistake_reads_as_editors_jump_to_it() -> None:
    mistake = Mistake("site.yaml", 12, 5, "cameras.gate.urll", 'unknown key; did you mean "url"?')

    assert str(mistake) == 'site.yaml:12:5 cameras.gate.urll: unknown key; did you mean "url"?'
    assert str(Mistake("site.yaml", 1, 1, "", "wrong")) == "site.yaml:1:1: wrong"
    assert str(Mistake("site.yaml", None, None, "", "wrong")) == "site.yaml: wrong"


def test_the_error_is_a_config_error_that_says_every_mistake() -> None:
    mistakes = [Mistake("s", line, 1, "", "wrong") for line in (1, 2)]

    error = SiteError(mistakes)

    assert isinstance(error, ConfigError)
    assert error.mistakes == tuple(mistakes)
    assert str(error) == "s:1:1: wrong\ns:2:1: wrong"


def test_findings_are_told_in_the_order_of_the_text_and_once() -> None:
    findings = [Finding(Place(2, 1), ("b",), "wrong"), Finding(Place(1, 9), ("a",), "wrong")] * 2

    assert [m.where for m in mistakes_of("s", findings)] == ["a", "b"]


def test_mistakes_without_end_are_counted() -> None:
    told = mistakes_of("s", [Finding(Place(line, 1), (), "wrong") for line in range(1, 2001)])

    assert len(told) == MAX_MISTAKES + 1
    assert str(told[-1]) == "s: and 1,900 more mistakes"


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ((), ""),
        (("workers", "people", "sinks", 0, "path"), "workers.people.sinks[0].path"),
        (("cameras", "password:hunter2"), "cameras.password:…"),
        (("cameras", "\x1b[2J"), "cameras.?[2J"),
    ],
)
def test_the_way_to_a_value_is_shown_without_secrets_or_control_characters(
    where: tuple[str | int, ...], text: str
) -> None:
    assert dotted(where) == text


def test_words_in_a_row() -> None:
    assert [listed(["a"] * n) for n in range(4)] == ["", "a", "a or a", "a, a or a"]


def test_what_is_shown_is_short() -> None:
    assert printable("a" * 100) == "a" * 60 + "…"
