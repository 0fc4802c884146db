"""Somebody whose methods are called from outside, in tests."""

import threading
from collections.abc import Iterator
from typing import Any

from sightline.hub.rpc import rpc
from sightline.hub.rpc.serving import find_served
from sightline.pipe.outside.zerorpc.endpoint import Endpoint
from sightline.pipe.outside.zerorpc.server import Server

HERE = Endpoint("tcp://127.0.0.1:*")
PASSWORD = "planted-77aa"


class Callee:
    """`resting` and `counting` say how far calls are; `go_on` lets those that rest return."""

    def __init__(self) -> None:
        self.resting = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.given = 0
        self.left = threading.Event()

    @rpc
    def echo(self, value: Any = None) -> Any:
        """Give it back.

        As it came.
        """
        return value

    @rpc
    def add(self, one: int, other: int = 1) -> int:
        return one + other

    @rpc
    def rest(self) -> str:
        """Wait until it may go on."""
        self.resting.release()
        assert self.go_on.wait(60)
        return "rested"

    @rpc
    def fail(self) -> None:
        raise ValueError(f"password={PASSWORD}")

    @rpc
    def fail_strangely(self) -> None:
        raise OSError("no file \udcff")

    @rpc
    def unsendable(self) -> object:
        return object()

    @rpc
    def count(self, most: int = 10**9) -> Iterator[int]:
        """1, 2, 3, ..."""
        try:
            for self.given in range(1, most + 1):
                yield self.given
        finally:
            self.left.set()


def server(callee: object, **settings: Any) -> Server:
    return Server(find_served(callee), HERE, **settings)
