"""Groups that a file has and DeepStream does not read: of the other format, or switched off.

Promises: `passed_over` is true where nothing in the group can be wrong, because nobody looks at it.

Deliberately not here: groups that are read although they are off, whose mistakes count.
"""

from __future__ import annotations

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.keys.key import GroupTable
from sightline.deepstream.reading import keyfile_values, yaml_values
from sightline.deepstream.refusal import ValueRefused


def passed_over(file: ConfigFile, table: GroupTable, name: str) -> bool:
    """Whether the group `name`, which `table` is of, is left unread."""
    return file.form not in table.forms or (table.switched and switched_off(file, name))


def switched_off(file: ConfigFile, name: str) -> bool:
    """As the parsers of sources, GIEs and sinks ask before they read on.

    Text: a missing `enable` and one that is no number switch off as 0 does. YAML: only a 0 does; a missing
    one lets the rest be read, and what is no number is an error.
    """
    entry = file.entry(name, "enable")
    if entry is None:
        return file.form is Form.TXT
    try:
        if file.form is Form.TXT:
            return keyfile_values.integer(entry.text or "") == 0
        return yaml_values.integer(entry.value) == 0
    except ValueRefused:
        return file.form is Form.TXT
