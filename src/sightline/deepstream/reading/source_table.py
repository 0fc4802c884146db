"""The table of sources that deepstream-app's YAML names (`source: csv-file-path`), and text's groups as rows.

Promises: `read` splits as DeepStream does: lines of comment and empty ones before the header are passed over,
cells end at a comma and nowhere else, quotes and blanks are letters. What `write` makes reads the same again.

Deliberately not here: what a column means; its rows in `keys` are those of a `[source0]`. No cell can hold a
comma, and none can be left out: DeepStream stops at an empty number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sightline.deepstream.document import ConfigFile, Entry, Form, Group
from sightline.deepstream.reading.passwords import hide_passwords
from sightline.deepstream.refusal import Refused

GROUP: Final = "source"
KEY: Final = "csv-file-path"
MAX_BYTES: Final = 4 << 20
# What holds for a source that does not set a key which another one sets: in a table every cell is filled.
LEFT_OUT: Final = {
    "latency": "100",
    "num-decode-surfaces": "16",
    "num-extra-surfaces": "1",
    "num-sources": "1",
    "rtsp-reconnect-attempts": "-1",
    "smart-rec-dir-path": ".",
    "smart-rec-file-prefix": "Smart_Record",
    "uri": "",
    "alsa-device": "",
    "video-format": "",
}


def read(data: bytes, path: Path | None = None) -> tuple[Group, ...]:
    """A group `source0`, `source1`... for each row. Raises Refused where DeepStream would stop."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    if lines and not lines[-1]:
        lines.pop()  # the end of the last line, not an empty one
    begin = next((at for at, line in enumerate(lines) if not _passed_over(line)), None)
    if begin is None:
        return ()
    keys = lines[begin].split(",")
    return tuple(
        _row(number, keys, line, begin + 2 + number, path) for number, line in enumerate(lines[begin + 1 :])
    )


def _passed_over(line: str) -> bool:
    return line.lstrip(" \t")[:1] in {"", "#"}


def _row(number: int, keys: list[str], line: str, at: int, path: Path | None) -> Group:
    cells = line.split(",")
    if len(cells) < len(keys):
        told = f"expected a cell for each of the {len(keys)} columns, got {len(cells)}"
        raise Refused(told, line=at, path=path)
    entries = (Entry(key, cell, at) for key, cell in zip(keys, cells, strict=False))
    return Group(f"source{number}", tuple(entries), at)


def write(sources: tuple[Group, ...]) -> bytes:
    """The table of these groups, whose values are as YAML's readers are to have them."""
    columns = list(dict.fromkeys(entry.key for group in sources for entry in group.entries))
    rows = [[_cell(group, column) for column in columns] for group in sources]
    return "".join(",".join(row) + "\n" for row in [columns, *rows]).encode("utf-8", "surrogateescape")


def _cell(group: Group, column: str) -> str:
    entry = next((entry for entry in group.entries if entry.key == column), None)
    return LEFT_OUT.get(column, "0") if entry is None else entry.text or ""


def path_of(file: ConfigFile) -> Path | None:
    """Where the table of an application's YAML file is; None where the file names none or has no place."""
    if file.form is not Form.YML or file.path is None:
        return None
    entry = file.entry(GROUP, KEY)
    return None if entry is None or not entry.text else file.path.parent / entry.text


def sources_of(file: ConfigFile) -> tuple[Group, ...] | None:
    """The sources that stand in its table; None where that cannot be read. Raises Refused for a wrong one."""
    path = path_of(file)
    try:
        data = path.read_bytes() if path else None
    except OSError:
        return None
    if data is None or len(data) > MAX_BYTES:
        return None
    hide_passwords(data)
    return read(data, path)
