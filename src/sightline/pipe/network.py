"""What the wires of a pipe are where they do not say so themselves: its network.

A network of one's own derives from `Network` and gives a handler for each routine, which says by its settings
what the wires that lead to that routine are. Messages go through no handler: it is asked once, at the build.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from sightline.pipe.settings import Policy, WireSettings


class MessageHandler:
    """What is so of all wires to one routine that do not say otherwise."""

    def __init__(self, routine_name: str, settings: WireSettings) -> None:
        self.routine_name = routine_name
        self.settings = settings


class Network(ABC):
    """Says what wires are."""

    @abstractmethod
    def get_message_handler(self, routine_name: str) -> MessageHandler:
        """That of the routine of this name."""


class QueueHandler(MessageHandler):
    """A bounded queue for each wire to a routine.

    Args:
        routine_name: whose.
        max_queue_len: messages that wait in one wire at most.
        put_block: whether a writer waits where there is no room; else the oldest message gives way.
        get_block, timeout: taken and not looked at: a routine waits for its next message, and is woken by it.
    """

    def __init__(
        self,
        routine_name: str,
        max_queue_len: int = 1,
        put_block: bool = False,
        get_block: bool = True,
        timeout: float = 1,
    ) -> None:
        policy = Policy.LOSSLESS if put_block else Policy.LIVE
        super().__init__(routine_name, WireSettings(policy=policy, capacity=max_queue_len))
        self.get_block = get_block
        self.timeout = timeout


class QueueNetwork(Network):
    """Bounded queues, all alike; the arguments are those of `QueueHandler`."""

    def __init__(
        self,
        max_queue_sizes: int = 1,
        put_block: bool = False,
        get_block: bool = True,
        timeout: float = 1,
    ) -> None:
        self.max_queue_sizes = max_queue_sizes
        self.put_block = put_block
        self.get_block = get_block
        self.timeout = timeout

    def get_message_handler(self, routine_name: str) -> QueueHandler:
        return QueueHandler(routine_name, self.max_queue_sizes, self.put_block, self.get_block, self.timeout)
