"""`python -m sightline.pipe.flow`: the process of one flow. A pipe begins it, and nobody else can."""

from __future__ import annotations

import io
import sys
from contextlib import suppress

from sightline.errors import Closed
from sightline.pipe.channel import Channel
from sightline.pipe.flow.flow_child import CONTROL, FRAMES
from sightline.pipe.flow.process import FlowProcess
from sightline.supervise.child import Child


def main() -> int:
    """Run the flow. Gives the exit code."""
    child = Child.here()
    if CONTROL not in child.sockets:
        print("this is a part of a pipe: it is begun by Pipe.build()", file=sys.stderr)  # noqa: T201
        return 2
    _print_whole_lines()
    channel = Channel(child.sockets[CONTROL])
    with suppress(Closed):  # the parent is gone, and this process is too, at once; or it has cut us off
        return FlowProcess(channel, child.sockets.get(FRAMES), child).serve()
    return 1


def _print_whole_lines() -> None:
    """Buffer no more than a line where nothing is buffered, as PYTHONUNBUFFERED has it.

    `print` writes piece by piece, and what routines of other threads print would come between.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.write_through:
            stream.reconfigure(line_buffering=True, write_through=False)


if __name__ == "__main__":
    sys.exit(main())
