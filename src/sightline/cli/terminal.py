"""Texts that somebody else wrote, without what would steer the terminal that shows them. Pure."""

from __future__ import annotations

import json


def visible(text: str) -> str:
    """For people: lines stay lines."""
    return "".join(one if one.isprintable() or one in "\n\t" else repr(one)[1:-1] for one in text)


def visible_json(text: str) -> str:
    """The same JSON, on one line."""
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)
