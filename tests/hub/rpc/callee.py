"""A client that serves; as a process of its own (`callee.py PORT NAME`) it ends with its standard input."""

import asyncio
import sys
import threading
from typing import Any

from sightline.hub import StreamClient, rpc


class Lens:
    @rpc
    def focus(self) -> str:
        return "sharp"


class Camera:
    def __init__(self) -> None:
        self.lens = Lens()

    @rpc
    def zoom(self, factor: float, *, slow: bool = False) -> float:
        """Make things larger."""
        return 2 * factor


class Callee(StreamClient):
    """`calls`: how many came to a method. `gate`: what holds `wait_for_gate`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.camera = Camera()
        self.gate = threading.Event()
        self.calls = 0
        self.cancelled = threading.Event()

    def rpc_my_echo(self, data: Any) -> Any:
        self.calls += 1
        return "MY ECHO", data

    async def rpc_later(self, data: Any, delay_s: float = 0.0) -> Any:
        await asyncio.sleep(delay_s)
        return data

    def rpc_wait_for_gate(self) -> str:
        self.calls += 1
        self.gate.wait(30)
        return "open"

    async def rpc_wait_for_ever(self) -> None:
        self.calls += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    def rpc_divide(self, a: int, b: int) -> float:
        return a / b

    def rpc_leave(self) -> None:
        raise SystemExit

    def rpc_count(self) -> int:
        return self.calls


if __name__ == "__main__":
    with Callee(sys.argv[2], port=int(sys.argv[1])):
        print("ready", flush=True)
        sys.stdin.read()
