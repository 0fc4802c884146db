"""Findings of files that have very many of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Finding, Severity, What, would_load
from sightline.deepstream.judging.capping import MOST, capped
from sightline.deepstream.judging.linting import MOST_FILES, lint, lint_path
from sightline.deepstream.reading.loading import loads


def _many(count: int, severity: Severity = Severity.NOTE, what: What = What.VALUE) -> Iterator[Finding]:
    return (Finding(severity, what, str(line), line=line) for line in range(1, count + 1))


def _read(text: str, form: Form = Form.TXT) -> ConfigFile:
    return loads(text.encode(), form)


def test_as_many_as_may_be_are_all_told() -> None:
    assert capped(_many(5), 5) == tuple(_many(5))


def test_of_more_the_last_one_says_how_many_there_are() -> None:
    *first, last = capped(_many(9), 5)
    assert first == list(_many(5))
    assert last == Finding(
        Severity.NOTE, What.VALUE, "4 more of this sort are not shown, the last one in line 9", line=9
    )


def test_each_sort_is_counted_by_itself() -> None:
    found = capped([*_many(9), *_many(2, what=What.UNKNOWN), *_many(1, Severity.REFUSED)], 5)
    assert len(found) == 6 + 2 + 1
    assert not would_load(found)


def test_a_refusal_among_a_great_many_warnings_is_told() -> None:
    keys = "".join(f"k{number}=1\n" for number in range(2 * MOST))
    found = lint(_read(f"[property]\ngie-unique-id=1\nnetwork-mode=1\n{keys}[class-attrs-x]\n"))
    assert not would_load(found)
    assert len(found) < MOST + 20


@pytest.mark.parametrize(
    ("text", "form"), [("[application]\n{}", Form.TXT), ("application:\n a: 1\n{}", Form.YML)]
)
def test_of_a_great_many_unknown_groups_the_first_are_told(text: str, form: Form) -> None:
    name = "[g{}]\n" if form is Form.TXT else "g{}:\n a: 1\n"
    groups = "".join(name.format(number) for number in range(MOST + 7))
    found = [each for each in lint(_read(text.format(groups), form)) if each.what is What.UNKNOWN]
    assert len(found) == MOST + 1
    assert "more of this sort are not shown" in found[-1].message


def test_files_are_followed_until_very_many_were_read(tmp_path: Path) -> None:
    (tmp_path / "pgie.txt").write_text("[property]\nnetwork-mode=9\n")
    group = "[secondary-gie{0}]\nenable=1\ngie-unique-id={0}\nconfig-file=pgie.txt\n"
    groups = "".join(group.format(number) for number in range(2 * MOST_FILES))
    (tmp_path / "app.txt").write_text(f"[application]\n{groups}")
    found = lint_path(tmp_path / "app.txt")
    assert [each.group for each in found if "is looked into" in each.message] == [
        f"secondary-gie{MOST_FILES}"
    ]
    assert any(each.file for each in found)
