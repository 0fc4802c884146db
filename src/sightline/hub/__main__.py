"""A hub as a process: settings as a line of JSON on standard input, which stays open while it is to run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading

import msgspec

from sightline.errors import ConfigError
from sightline.hub.broker.files import open_more_files
from sightline.hub.broker.loops import new_loop
from sightline.hub.broker.server import listening
from sightline.hub.settings import ServerSettings
from sightline.log import configure


async def _run(settings: ServerSettings) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, over.set)
    async with listening(settings) as where:
        sys.stdout.buffer.write(msgspec.json.encode(where) + b"\n")
        sys.stdout.flush()
        threading.Thread(target=_wait_for_end, args=(loop, over), daemon=True).start()
        await over.wait()


def _wait_for_end(loop: asyncio.AbstractEventLoop, over: asyncio.Event) -> None:
    """The parent holds the other end of standard input: it closes when the parent goes."""
    # Not through sys.stdin: its lock would still be held when the interpreter ends.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
        loop.call_soon_threadsafe(over.set)


def main() -> int:
    configure("warning")
    open_more_files()
    try:
        settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=ServerSettings)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(_run(settings))
    except (ConfigError, msgspec.MsgspecError) as error:
        sys.stdout.write(f"{error}\n")
        sys.stdout.flush()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
