"""Rows as the parsers of deepstream-app have them, in few words.

The text parser reads most numbers with `g_key_file_get_integer`, and the YAML parser with `as<gint>` or
`as<guint>`; what text calls a boolean is an integer in YAML, so that `true` is right in one and wrong in the
other.

Deliberately not here: any key.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from sightline.deepstream.document import Form
from sightline.deepstream.keys.key import Key, Outside, Type

ONLY_TEXT = (Form.TXT,)
ONLY_YAML = (Form.YML,)

# A number that makes no sense is taken by the parsers as it is, unless a row says what refuses it.
integer = partial(Key, type=Type.INTEGER, outside=Outside.TAKEN)
unsigned = partial(Key, type=Type.INTEGER, in_yaml=Type.UNSIGNED, outside=Outside.TAKEN)
long = partial(Key, type=Type.LONG)
boolean = partial(Key, type=Type.BOOLEAN, in_yaml=Type.INTEGER)
number = partial(Key, type=Type.NUMBER, outside=Outside.TAKEN)
string = partial(Key, type=Type.STRING)
path = partial(Key, type=Type.PATH)
color = partial(Key, type=Type.NUMBERS, count=4)


def switch(name: str, default: str = "0", **more: Any) -> Key:
    """A number that is asked only whether it is 0."""
    return integer(name=name, default=default, **more)


def enabled(what: str) -> Key:
    return switch("enable", f"0: {what}")


def gpu() -> Key:
    return unsigned(name="gpu-id", default="global-gpu-id of [application], else 0", low=0)


def memory(note: str | None = None) -> Key:
    """What the elements take; another number is told and not set."""
    return unsigned(
        name="nvbuf-memory-type",
        default="0",
        choices={
            0: "the platform's default",
            1: "CUDA pinned",
            2: "CUDA device",
            3: "CUDA unified",
            4: "surface array, on Jetson",
        },
        outside=Outside.REPLACED,
        instead="0",
        note=note,
    )


def compute(in_yaml: Type = Type.UNSIGNED, **more: Any) -> Key:
    return integer(
        name="compute-hw",
        in_yaml=in_yaml,
        default="0",
        choices={0: "default", 1: "GPU", 2: "VIC, on Jetson"},
        outside=Outside.REPLACED,
        instead="0",
        **more,
    )
