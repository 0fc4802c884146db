import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.site.variables import expand

ENVIRON = {"GATE": "s3cret", "EMPTY": "", "DOLLARS": "${GATE}$$"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("${GATE}", "s3cret"),
        ("a${GATE}b${GATE}", "as3cretbs3cret"),
        ("${GATE:-x}", "s3cret"),
        ("${NONE:-x y}", "x y"),
        ("${NONE:-}", ""),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("$$", "$"),
        ("$${GATE}", "${GATE}"),
        ("pa$word $5 $", "pa$word $5 $"),
        ("${NONE:-$$5 $x}", "$5 $x"),
        ("${DOLLARS}", "${GATE}$$"),
    ],
)
def test_variables_are_filled_in_once(text: str, expanded: str) -> None:
    result = expand(text, ENVIRON)

    assert result.text == expanded
    assert not result.missing
    assert not result.broken


def test_a_missing_variable_is_named_and_an_empty_one_is_not() -> None:
    assert expand("${ONE} ${EMPTY} ${TWO:-x} ${THREE}", ENVIRON).missing == ("ONE", "THREE")


@pytest.mark.parametrize("text", ["${", "${}", "${1X}", "${A B}", "${GATE", "${A:-${GATE}}", "${GATE-x}"])
def test_what_begins_no_variable_is_told(text: str) -> None:
    assert expand(text, ENVIRON).broken


@given(st.text(alphabet="${}:-AB x"))
def test_any_text_expands_and_text_without_dollars_stays(text: str) -> None:
    assert isinstance(expand(text, {"A": "1"}).text, str)
    if "$" not in text:
        assert expand(text, {"A": "1"}).text == text


@given(st.text())
def test_doubled_dollars_give_the_text_itself(text: str) -> None:
    assert expand(text.replace("$", "$$"), {}).text == text
