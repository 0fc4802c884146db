"""Small files of DeepStream's for tests of the linter: a sound one of each kind, changed a little."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.kinds import Kind
from sightline.deepstream.reading.loading import loads

REFUSED, WARNING, NOTE = Severity.REFUSED, Severity.WARNING, Severity.NOTE
TXT, YML = (Form.TXT,), (Form.YML,)
BOTH = (Form.TXT, Form.YML)

NVINFER = """[property]
gie-unique-id=1
onnx-file=m.onnx
net-scale-factor=1
num-detected-classes=1
cluster-mode=2
"""
"""A sound model of one class, as text."""
APP = """[application]
[source0]
enable=1
type=3
uri=file:///a.mp4
[streammux]
batch-size=1
width=1280
height=720
[sink0]
enable=1
type=1
"""
"""What a sound application has before its models, as text."""

Groups = dict[str, dict[str, str]]

_PREPROCESS = {
    "process-on-frame": "1",
    "target-unique-ids": "1",
    "processing-width": "640",
    "processing-height": "480",
    "network-input-order": "0",
    "network-input-shape": "8;3;480;640",
    "network-color-format": "0",
    "tensor-data-type": "0",
    "tensor-name": "input",
    "custom-lib-path": "/lib/own.so",
    "custom-tensor-preparation-function": "Prepare",
    "scaling-filter": "1",
    "scaling-pool-memory-type": "0",
}
SOUND: Mapping[Kind, Groups] = {
    Kind.NVINFER: {
        "property": {
            "gie-unique-id": "1",
            "onnx-file": "model.onnx",
            "net-scale-factor": "0.0039",
            "num-detected-classes": "4",
            "cluster-mode": "2",
        }
    },
    Kind.PREPROCESS: {
        "property": _PREPROCESS,
        "group-0": {"src-ids": "0;1", "process-on-roi": "1", "roi-params-src-0": "0;0;100;100"},
    },
    Kind.ANALYTICS: {
        "property": {"enable": "1", "config-width": "1920", "config-height": "1080"},
        "roi-filtering-stream-0": {"enable": "1", "roi-RF": "0;0;100;0;100;100"},
    },
    Kind.MSGCONV: {"sensor0": {"enable": "1", "id": "gate", "location": "45.3;-75.1;40.5"}},
    Kind.BROKER: {"message-broker": {"share-connection": "1"}},
}


@dataclass(frozen=True)
class Case:
    """A change of a sound file, and the one thing that is found then.

    Attributes:
        change: values by `group/key`; None takes a key out, and a whole group where there is no slash.
        at: group and key of the finding, as `group/key` or `group`.
        also: what else is found, as `what group/key`.
    """

    change: Mapping[str, str | None]
    severity: Severity
    what: What
    at: str
    says: str
    forms: tuple[Form, ...] = BOTH
    also: tuple[str, ...] = ()


def made(kind: Kind, form: Form, change: Mapping[str, str | None] | None = None) -> ConfigFile:
    """The sound file of a kind with a change."""
    groups = {name: dict(keys) for name, keys in SOUND[kind].items()}
    for place, value in (change or {}).items():
        group, _, key = place.partition("/")
        if not key:
            groups.pop(group)
        elif value is None:
            del groups[group][key]
        else:
            groups.setdefault(group, {})[key] = value
    return loads(written(groups, form).encode(), form)


def written(groups: Groups, form: Form) -> str:
    if form is Form.TXT:
        return "".join(f"[{name}]\n{_lines(keys, '=')}" for name, keys in groups.items())
    listed = [keys for name, keys in groups.items() if name.startswith("group-")]
    text = "".join(
        f"{name}:\n{_lines(keys, ': ', '  ')}"
        for name, keys in groups.items()
        if not name.startswith("group-")
    )
    return text + ("group:\n" if listed else "") + "".join(_item(keys) for keys in listed)


def _item(keys: dict[str, str]) -> str:
    return "  -" + _lines(keys, ": ", "    ")[3:]


def _lines(keys: dict[str, str], between: str, indent: str = "") -> str:
    return "".join(f"{indent}{key}{between}{value}\n" for key, value in keys.items())


def places(found: tuple[Finding, ...]) -> list[str]:
    """Each finding as `what group/key`."""
    return [f"{each.what} {'/'.join(filter(None, (each.group, each.key)))}".strip() for each in found]


def check(kind: Kind, case: Case) -> None:
    """The case holds in each of its forms: this is found, and nothing else."""
    for form in case.forms:
        found = lint(made(kind, form, case.change), kind)
        at = _listed(case.at) if form is Form.YML else case.at
        told = f"{case.what} {at}".strip()
        hits = [each for each in found if told in places((each,))]
        assert hits, (form, found)
        assert (hits[0].severity, case.says in hits[0].message) == (case.severity, True), (form, hits[0])
        assert sorted(places(found)) == sorted([told, *case.also]), (form, found)


def _listed(place: str) -> str:
    """`group-0/key` as it is called in YAML, where the groups are a list."""
    return re.sub(r"^group-(\d+)", r"group[\1]", place)
