"""Where sources record to.

Facts from `parse_source` of deepstream_config_file_parser.c and its YAML twin: both ask while they read
whether the folder can be written, for any type of source that is read, and give up where it cannot.

Deliberately not here: which type of source records (`app_sources`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.app_reading import App
from sightline.deepstream.judging.rules.opening import Rule

_FOLDER = "smart-rec-dir-path"


def folders(file: ConfigFile) -> Iterator[Finding]:
    """One that is not here may be on the machine that runs DeepStream, as any file that is named."""
    app = App(file)
    for group in app.groups("source") if app.text else ():
        said = app.word(group, _FOLDER) or ""
        if (group == "source-attr-all" or app.on(group)) and said.startswith("/") and not _is_there(said):
            told = f"not found here: {said}; DeepStream refuses the file where it cannot write there"
            yield app.finding(Severity.WARNING, What.MISSING, group, _FOLDER, told)


def _is_there(folder: str) -> bool:
    try:
        return Path(folder).is_dir()
    except (OSError, ValueError):  # a name that no file system takes
        return False


RULES: tuple[Rule, ...] = (folders,)
