"""What the machine wants done, in order, until it is done: what was not saved is not sent.

Many actions become few: one thing to be saved for all events of a moment, and of what is to be sent to a
machine the newest alone, as it says all there is to say. So what waits while the database takes nothing is
bounded by the fleet's size, whatever goes on meanwhile. Commands that rest on nothing that is saved do not
wait: whoever was heard hears so, and what runs goes on.

Pure: it does not save, and it does not send.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from sightline.fleet.deciding.coordinator.actions import Action, Noted, Save, SendCommand, SendConfig
from sightline.fleet.inventory import NodeId
from sightline.fleet.messages.topics import AgentCommand

Sending: TypeAlias = SendConfig | SendCommand
_Key: TypeAlias = tuple[str, NodeId | None]

RESTS_ON_SAVED: Final = frozenset({"welcome"})
"""Commands that say something of an agent's share, or that it is in."""
MOST_NOTED: Final = 10_000


class Outgoing:
    """Takes actions, and gives what may be done now."""

    def __init__(self) -> None:
        self._save: Save | None = None
        self._waiting: dict[_Key, Sending] = {}
        self._at_once: list[AgentCommand] = []
        self._noted: list[Noted] = []
        self.noted_dropped = 0

    def add(self, actions: Iterable[Action]) -> None:
        """In the machine's order."""
        for action in actions:
            if isinstance(action, Save):
                self._save = merged(self._save, action)
            elif isinstance(action, Noted):
                self._note(action)
            else:
                self._send(action)

    @property
    def unsaved(self) -> Save | None:
        """To be saved before anything that `take_ready` gives is sent; None: nothing."""
        return self._save

    @property
    def waiting(self) -> int:
        """How much is to be sent once it is saved."""
        return len(self._waiting)

    def saved(self) -> None:
        """`unsaved` is on disk."""
        self._save = None

    def take_at_once(self) -> list[AgentCommand]:
        """What may be sent whatever is saved."""
        taken, self._at_once = self._at_once, []
        return taken

    def take_ready(self) -> list[Sending]:
        """What may be sent now: nothing while something is unsaved."""
        if self._save is not None:
            return []
        taken, self._waiting = self._waiting, {}
        return list(taken.values())

    def take_noted(self) -> list[Noted]:
        """What users would want to know, oldest first; of more than `MOST_NOTED` the newest are dropped."""
        taken, self._noted = self._noted, []
        return taken

    def _send(self, action: Sending) -> None:
        if isinstance(action, SendConfig):
            self._wait(("config", action.share.node_id), action)
        elif action.command.command in RESTS_ON_SAVED:
            self._wait((action.command.command, action.command.node_id), action)
        else:
            if action.command.command == "refuse":
                self._forget(action.command.node_id)
            self._at_once.append(action.command)

    def _forget(self, node_id: NodeId | None) -> None:
        """Who is refused is not let in by what was to be said before."""
        for kind in ("config", "welcome"):
            self._waiting.pop((kind, node_id), None)

    def _wait(self, key: _Key, action: Sending) -> None:
        self._waiting.pop(key, None)  # the newest stands where it was asked for
        self._waiting[key] = action

    def _note(self, noted: Noted) -> None:
        if len(self._noted) < MOST_NOTED:
            self._noted.append(noted)
        else:
            self.noted_dropped += 1


def merged(first: Save | None, second: Save) -> Save:
    """What is on disk once both are, one after the other."""
    if first is None:
        return second
    return Save(
        agents=first.agents | second.agents,
        shares=first.shares | second.shares,
        placement=first.placement if second.placement is None else second.placement,
        terms=first.terms | second.terms,
    )
