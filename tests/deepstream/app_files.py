"""Applications' files to judge: one that nothing is to be said of, and changes to it, in both forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sightline.deepstream.document import Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.reading.loading import load
from sightline.deepstream.reading.source_table import LEFT_OUT

Changes = Mapping[str, Mapping[str, str | None] | None]

GOOD: dict[str, dict[str, str]] = {
    "application": {"enable-perf-measurement": "1", "perf-measurement-interval-sec": "5"},
    "tiled-display": {"enable": "1", "rows": "1", "columns": "1", "width": "1280", "height": "720"},
    "source0": {"enable": "1", "type": "2", "uri": "file:///a.mp4"},
    "sink0": {"enable": "1", "type": "1", "sync": "0"},
    "osd": {"enable": "1", "border-width": "2", "text-size": "15", "text-color": "1;1;1;1"},
    "streammux": {"batch-size": "1", "width": "1920", "height": "1080"},
    "primary-gie": {"enable": "1", "gie-unique-id": "1", "config-file": "first.txt"},
    "tracker": {
        "enable": "1",
        "tracker-width": "960",
        "tracker-height": "544",
        "ll-lib-file": "libnvds_nvmultiobjecttracker.so",
        "ll-config-file": "tracker.yml",
    },
    "secondary-gie0": {
        "enable": "1",
        "gie-unique-id": "2",
        "operate-on-gie-id": "1",
        "config-file": "second.txt",
    },
}


def changed(changes: Changes) -> dict[str, dict[str, str]]:
    """The good file with other values, keys and groups; None takes one away."""
    groups = {name: dict(keys) for name, keys in GOOD.items()}
    for name, keys in changes.items():
        if keys is None:
            groups.pop(name, None)
            continue
        group = groups.setdefault(name, {})
        for key, value in keys.items():
            group.pop(key, None) if value is None else group.update({key: value})
    return groups


def judged(changes: Changes, form: Form) -> tuple[Finding, ...]:
    with TemporaryDirectory() as folder:
        return lint(load(written(changed(changes), form, Path(folder))))


def written(groups: Mapping[str, Mapping[str, str]], form: Form, folder: Path) -> Path:
    path = folder / f"app.{form}"
    path.write_text(text(groups) if form is Form.TXT else _yaml(groups, folder), "utf-8")
    return path


def text(groups: Mapping[str, Mapping[str, str]]) -> str:
    lines = [
        [f"[{name}]", *(f"{key}={value}" for key, value in keys.items())] for name, keys in groups.items()
    ]
    return "".join("\n".join([*group, "", ""]) for group in lines)


def yaml(groups: Mapping[str, Mapping[str, str]]) -> str:
    lines = [
        [f"{name}:", *(f"  {key}: {value}" for key, value in keys.items())] for name, keys in groups.items()
    ]
    return "".join("\n".join([*group, "", ""]) for group in lines)


def _yaml(groups: Mapping[str, Mapping[str, str]], folder: Path) -> str:
    """With the groups source0, source1... in a table beside the file."""
    sources = [keys for name, keys in groups.items() if name[:-1] == "source"]
    others = {name: keys for name, keys in groups.items() if name[:-1] != "source"}
    if not sources:
        return yaml(others)
    columns = list(dict.fromkeys(key for keys in sources for key in keys))
    rows = [
        columns,
        *([keys.get(column, LEFT_OUT.get(column, "0")) for column in columns] for keys in sources),
    ]
    (folder / "sources.csv").write_text("".join(",".join(row) + "\n" for row in rows), "utf-8")
    named = {"csv-file-path": "sources.csv"}
    return yaml({"source": named | dict(others.pop("source", {})), **others})


@dataclass(frozen=True, slots=True)
class Case:
    """Changes to the good file, and the finding that they must give.

    Attributes:
        quiet: the forms in which the changes give no such finding, because the other parser alone is so.
    """

    about: str
    changes: Changes
    group: str | None
    key: str | None
    severity: Severity
    what: What
    part: str = ""
    quiet: tuple[Form, ...] = ()

    def shown(self, form: Form) -> bool:
        return any(map(self._is_it, judged(self.changes, form)))

    def _is_it(self, finding: Finding) -> bool:
        mine = (self.group, self.key, self.severity, self.what)
        same = (finding.group, finding.key, finding.severity, finding.what) == mine
        return same and self.part in finding.message


def each(cases: Iterable[Case]) -> pytest.MarkDecorator:
    """A test for each case in each form."""
    rows = [
        pytest.param(
            case, form, id=f"{case.about} ({form}{', which is right' if form in case.quiet else ''})"
        )
        for case in cases
        for form in Form
    ]
    return pytest.mark.parametrize(("case", "form"), rows)
