"""What a user gives a pipe, as bytes for its flows, and what comes back; in words where that cannot be."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import cloudpickle

from sightline.errors import ConfigError
from sightline.pipe.plan import Edge, FlowSpec
from sightline.pipe.routine import Routine


def spec_as_bytes(spec: FlowSpec) -> bytes | str:
    """A flow's spec; or why it cannot be sent there."""
    try:
        return bytes(cloudpickle.dumps(spec))
    except Exception as error:  # noqa: BLE001 - whatever the classes of the user's raise
        which = next((one.name for one in spec.routines if not _can_be_sent(one)), "one of them")
        return f'routine "{which}" cannot be sent to flow "{spec.name}": {type(error).__name__}: {error}'


def parameters_as_bytes(event_name: str, parameters: Mapping[str, Any]) -> bytes:
    """Those of an event.

    Raises:
        ConfigError: they cannot be sent.
    """
    try:
        return bytes(cloudpickle.dumps(dict(parameters))) if parameters else b""
    except Exception as error:
        raise ConfigError(f"the parameters of event {event_name!r} cannot be sent: {error}") from error


def mistakes_of_transmitters(edges: Iterable[Edge]) -> Iterator[str]:
    """Of those that cannot be sent to the flows at both ends of their wire."""
    for edge in edges:
        try:
            cloudpickle.dumps(edge.transmitter)
        except Exception as error:  # noqa: BLE001 - as above
            flows = " and ".join(f'"{flow}"' for flow in edge.flows)
            yield (
                f'wire from "{edge.source}" to "{edge.destination}": its transmitter cannot be sent to '
                f"flows {flows}: {type(error).__name__}: {error}"
            )


def own_of(told: bytes) -> tuple[Any, ...]:
    """What a routine told of itself; as text, where this process cannot read it."""
    try:
        own: tuple[Any, ...] = pickle.loads(told)  # noqa: S301 - of our own process
    except Exception as error:  # noqa: BLE001 - of a class of the user's
        return (f"cannot be read: {error!r}",)
    return own


def _can_be_sent(routine: Routine) -> bool:
    try:
        cloudpickle.dumps(routine)
    except Exception:  # noqa: BLE001 - as above
        return False
    return True
