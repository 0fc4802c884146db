"""Models and sinks by their kind and options, where they run: a worker's process reads no site file.

What an option may be was checked with the file; here it is a value, and a secret is in the clear.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

from sightline import detect
from sightline.bus import open_bus
from sightline.sink import Sink, open_sink, sink_maker


class Wanted(NamedTuple):
    """A model or a sink that is to be opened."""

    kind: str
    options: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Wanted({self.kind!r})"  # options may be secret


def make_model(wanted: Wanted, track: Mapping[str, Any] | None) -> detect.Model:
    """The model, not yet loaded; with tracking where that is wanted."""
    model = detect.open_model(wanted.kind, **wanted.options)
    return model if track is None else detect.Tracked(model, **track)


def make_sink(wanted: Wanted, **offered: Any) -> Sink:
    """The sink, open. Of what is `offered` it gets what its maker names: cameras, bus, topics, status."""
    takes = inspect.signature(sink_maker(wanted.kind)).parameters
    given = {name: value for name, value in offered.items() if name in takes}
    return open_sink(wanted.kind, **wanted.options, **given)


def make_sink_with_bus(wanted: Wanted, bus: str, may_read: Callable[[], object], **offered: Any) -> Sink:
    """The sink, open; where it takes a bus, with one of its own, which ends with it, once it `may_read`."""
    if "bus" not in inspect.signature(sink_maker(wanted.kind)).parameters:
        return make_sink(wanted, **offered)
    may_read()
    with ExitStack() as opened:
        own = opened.enter_context(open_bus(bus))
        sink = make_sink(wanted, bus=own, **offered)
        return _WithBus(sink, opened.pop_all())


class _WithBus:
    """A sink, and the bus that it reads from."""

    def __init__(self, sink: Sink, bus: ExitStack) -> None:
        self.write = sink.write
        self._sink = sink
        self._bus = bus

    def close(self) -> None:
        with self._bus:
            self._sink.close()
