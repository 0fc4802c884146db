"""What users say of a machine. What its agent says of itself is not theirs to change."""

from __future__ import annotations

from typing import Any, Final

from sightline.cockpit.views.forms import Filled, Texts, changed, whole_number
from sightline.cockpit.views.texts import as_labels, read_labels
from sightline.fleet.store.refusals import Mistake
from sightline.fleet.store.rows import AgentOut

FIELDS: Final = ("agent_name", "description", "capacity", "labels")
ALIASES: Final = {"set_labels": "labels", "set_capacity": "capacity"}


def agent_texts(row: AgentOut) -> dict[str, str]:
    """A machine as its form shows it."""
    return {
        "agent_name": row.agent_name,
        "description": row.description,
        "capacity": "" if row.set_capacity is None else str(row.set_capacity),
        "labels": as_labels(row.set_labels),
    }


def fill_agent(sent: Texts, row: AgentOut) -> Filled:
    """What of it is another."""
    texts = {name: str(sent.get(name, "")) for name in FIELDS}
    mistakes: list[Mistake] = []
    labels, wrong = read_labels(texts["labels"])
    values: dict[str, Any] = {
        "agent_name": texts["agent_name"].strip(),
        "description": texts["description"].strip(),
        "capacity": whole_number(texts, "capacity", mistakes),
        "labels": labels,
    }
    was = {"agent_name": row.agent_name, "description": row.description, "capacity": row.set_capacity,
           "labels": row.set_labels}  # fmt: skip
    return Filled(changed(values, was), texts, [*mistakes, *wrong])
