"""The rules for the YAML of deepstream-test1 to -test4 and of their like.

Facts from src/utils/nvds_ymlparser/ and from the programs.

Deliberately not here: deepstream-test5, whose files are deepstream-app's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.opening import Rule
from sightline.deepstream.reading import yaml_values
from sightline.deepstream.refusal import ValueRefused

# Texts that are handed to g_object_set as C++ objects: the element gets whatever stands in memory.
_GARBLED: Final = {
    "operate-on-class-ids",
    "filter-out-class-ids",
    "infer-on-class-ids",
    "clock-font",
    "hw-blend-color-attr",
}
_SERVER_KEYS: Final = ("model-engine-file", "gpu-id", "output-tensor-meta", "input-tensor-meta")


def _gies(file: ConfigFile) -> list[str]:
    return [name for name in file.names if name == "primary-gie" or name.startswith("secondary-gie")]


def _off(file: ConfigFile, group: str) -> bool:
    entry = file.entry(group, "enable")
    try:
        return entry is not None and yaml_values.integer(entry.value) == 0
    except ValueRefused:
        return False


def files(file: ConfigFile) -> Iterator[Finding]:
    for group in _gies(file):
        if not _off(file, group) and not file.entry(group, "config-file-path"):
            told = f"[{group}] config-file-path: must be set, or the program ends"
            line = file.named(group)[0].line
            yield Finding(Severity.REFUSED, What.MISSING, told, group, "config-file-path", line or None)


def server(file: ConfigFile) -> Iterator[Finding]:
    for group in _gies(file):
        kind = file.entry(group, "plugin-type")
        for key in _SERVER_KEYS if kind and kind.text == "1" else ():
            if entry := file.entry(group, key):
                told = f"[{group}] {key}: without effect on nvinferserver"
                yield Finding(Severity.WARNING, What.INAPPLICABLE, told, group, key, entry.line or None)


def garbled(file: ConfigFile) -> Iterator[Finding]:
    for group in (*_gies(file), "osd"):
        for entry in file.entries(group):
            if entry.key in _GARBLED:
                told = "the parser hands it on in a wrong shape, and the element reads something else"
                yield Finding(
                    Severity.WARNING,
                    What.INAPPLICABLE,
                    f"[{group}] {entry.key}: {told}",
                    group,
                    entry.key,
                    entry.line or None,
                )


def sources(file: ConfigFile) -> Iterator[Finding]:
    entry = file.entry("source-list", "list")
    if file.named("source-list") and (entry is None or not entry.text):
        told = "[source-list] list: must be set, or no source is made"
        line = file.named("source-list")[0].line
        yield Finding(Severity.WARNING, What.MISSING, told, "source-list", "list", line or None)


RULES: tuple[Rule, ...] = (files, server, garbled, sources)
