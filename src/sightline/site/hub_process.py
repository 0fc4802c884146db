"""A hub that a site begins for itself: `python -m sightline.site.hub_process`.

It is told where to listen and what to log, and by whoever supervises it, who alone can begin it.
"""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec

from sightline.errors import ConfigError
from sightline.hub.broker.files import open_more_files
from sightline.hub.broker.loops import new_loop
from sightline.hub.broker.server import listening
from sightline.hub.settings import ServerSettings
from sightline.log import configure, redact
from sightline.site.talk import Told
from sightline.supervise import Child

_TURN_S = 1.0


def main() -> int:
    """Serve until it is to end. Gives the exit code."""
    child = Child.here()
    line = Told(child).order()
    if not line:
        return 0
    settings, log_level = msgspec.json.decode(line, type=tuple[ServerSettings, str])
    configure(log_level)
    open_more_files()
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(_serve(settings, child))
    except ConfigError as error:
        child.failed(redact(str(error)))
        return 1
    return 0


async def _serve(settings: ServerSettings, child: Child) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with listening(settings):
        child.on_stop(lambda: loop.call_soon_threadsafe(over.set))
        child.ready()
        turning = asyncio.create_task(_turn(child))
        await over.wait()
        turning.cancel()


async def _turn(child: Child) -> None:
    """Show that the loop goes round."""
    lane, turns = child.lane("serving"), 0
    while True:
        lane.progress(turns)
        turns += 1
        await asyncio.sleep(_TURN_S)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # nothing is left to be closed: whoever waits for this need not wait for the interpreter
