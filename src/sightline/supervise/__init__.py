"""Processes that are watched by their progress, begun again by rule, and never left behind.

A `Supervisor` begins children in order and ends them in reverse. It notices within a second that one is dead,
and by a deadline of its own that one is alive and does nothing: that one's stacks are written down, then it
is asked to end, then it is made to. Which one is begun again, when, and when no more (quarantine, with a
reason) is a pure machine's to say. A supervisor that dies takes its children along. It carries no data.
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.supervise.board import Lane
    from sightline.supervise.child import Child
    from sightline.supervise.policy import Restart, Watch, When
    from sightline.supervise.spec import ChildSpec
    from sightline.supervise.supervisor import ChildStatus, Statuses, Supervisor
    from sightline.supervise.watched import State

__all__ = [
    "Child",
    "ChildSpec",
    "ChildStatus",
    "Lane",
    "Restart",
    "State",
    "Statuses",
    "Supervisor",
    "Watch",
    "When",
]

import_later(
    __name__,
    {
        "sightline.supervise.board": "Lane",
        "sightline.supervise.child": "Child",
        "sightline.supervise.policy": "Restart Watch When",
        "sightline.supervise.spec": "ChildSpec",
        "sightline.supervise.supervisor": "ChildStatus Statuses Supervisor",
        "sightline.supervise.watched": "State",
    },
)
