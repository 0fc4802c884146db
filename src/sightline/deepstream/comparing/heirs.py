"""Keys that were given up, as those that took their place, by the rules of nvinfer's and the app's parsers.

Promises: what a file says with an old key it says with the new one after `with_heirs`, and with nothing else
changed; where DeepStream passes over the old key because the new one is there, it is taken out. Text alone
has most of them: YAML's parsers never knew these.

Deliberately not here: warning of them, which is the linter's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from sightline.deepstream.document import ConfigFile, Entry, Form, Group
from sightline.deepstream.kinds import Kind
from sightline.deepstream.reading import keyfile_values
from sightline.deepstream.refusal import ValueRefused

Replacement = Callable[[Entry], Iterable[Entry]]


@dataclass(frozen=True, slots=True)
class Heir:
    """One old key.

    Attributes:
        group: what its group's name begins with.
        key: the old key.
        heirs: the new ones; where one of them is there and `yields`, the old one is passed over.
        into: the entries in its place. Raises ValueRefused where the old value cannot be read.
        forms: whose parser knows the old key.
    """

    kind: Kind
    group: str
    key: str
    heirs: tuple[str, ...]
    into: Replacement
    yields: bool = True
    forms: tuple[Form, ...] = (Form.TXT,)


def _network_type(entry: Entry) -> Iterator[Entry]:
    yield replace(entry, key="network-type", value=str(int(keyfile_values.boolean(entry.text or ""))))


def _cluster_mode(entry: Entry) -> Iterator[Entry]:
    if keyfile_values.boolean(entry.text or ""):
        yield replace(entry, key="cluster-mode", value="1")


def _infer_dims(entry: Entry) -> Iterator[Entry]:
    numbers = keyfile_values.integers(entry.text or "")
    if len(numbers) != 4:
        raise ValueRefused(f"expected four numbers a;b;c;order, got {len(numbers)}")
    yield replace(entry, key="infer-dims", value=";".join(map(str, numbers[:3])))
    yield replace(entry, key="uff-input-order", value=str(numbers[3]), comment=())


def _renamed(key: str) -> Replacement:
    return lambda entry: [replace(entry, key=key)]


HEIRS = (
    Heir(Kind.NVINFER, "property", "is-classifier", ("network-type",), _network_type),
    Heir(Kind.NVINFER, "property", "enable-dbscan", ("cluster-mode",), _cluster_mode),
    Heir(Kind.NVINFER, "property", "input-dims", ("infer-dims",), _infer_dims),
    Heir(Kind.NVINFER, "property", "uff-input-dims", ("infer-dims",), _infer_dims),
    Heir(
        Kind.NVINFER,
        "class-attrs-",
        "threshold",
        ("pre-cluster-threshold",),
        _renamed("pre-cluster-threshold"),
        yields=False,  # both set the same; the later one holds
    ),
    Heir(
        Kind.APP,
        "source",
        "smart-rec-video-cache",
        ("smart-rec-cache",),
        _renamed("smart-rec-cache"),
        yields=False,
        forms=(Form.TXT, Form.YML),
    ),
)


def with_heirs(file: ConfigFile, kind: Kind) -> tuple[ConfigFile, tuple[Entry, ...]]:
    """The file with heirs in the place of old keys, and the old entries that are not there any more."""
    gone: list[Entry] = []
    groups = tuple(_heired(group, file, kind, gone) for group in file.groups)
    return replace(file, groups=groups), tuple(gone)


def _heired(group: Group, file: ConfigFile, kind: Kind, gone: list[Entry]) -> Group:
    there = {entry.key for entry in file.entries(group.name)}
    entries: list[Entry] = []
    for entry in group.entries:
        heir = _heir_of(entry, group, file.form, kind)
        made = None if heir is None else _made(heir, entry, there)
        if made is None:
            entries.append(entry)
        else:
            gone.append(entry)
            entries = [kept for kept in entries if kept.key not in {new.key for new in made}] + made
    return replace(group, entries=tuple(entries))


def _heir_of(entry: Entry, group: Group, form: Form, kind: Kind) -> Heir | None:
    return next(
        (
            heir
            for heir in HEIRS
            if (heir.kind, heir.key) == (kind, entry.key)
            and group.name.startswith(heir.group)
            and form in heir.forms
        ),
        None,
    )


def _made(heir: Heir, entry: Entry, there: set[str]) -> list[Entry] | None:
    if heir.yields and there & set(heir.heirs):
        return []
    try:
        return list(heir.into(entry))
    except ValueRefused:
        return None
