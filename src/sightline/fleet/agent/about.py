"""What an agent says of its machine, where its settings do not say it: name, address, cards, runtimes.

Deliberately not here: figures that change.
"""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sightline import __version__
from sightline.fleet.agent.settings import AgentSettings
from sightline.log import get_logger

_LOOPBACK: Final = "127.0.0.1"
_ANY_PORT: Final = 9
_DOCKER_SOCKET: Final = Path("/var/run/docker.sock")


def about(settings: AgentSettings) -> dict[str, Any]:
    """Those fields of `AgentInfo` that stay as they are while the agent runs."""
    return {
        "hostname": settings.name or socket.gethostname(),
        "ip_address": settings.ip_address or own_address(settings.bus),
        "capacity": settings.capacity,
        "gpulist": list(cards(settings)) or None,
        "description": settings.description,
        "labels": settings.labels,
        "runtimes": list(runtimes(settings)),
        "agent_version": __version__,
    }


def runtimes(settings: AgentSettings) -> Sequence[str]:
    """Those of the settings; else a process always, and Docker where there is one."""
    if settings.runtimes is not None:
        return settings.runtimes
    socket_file = settings.docker or os.environ.get("DOCKER_HOST") or _DOCKER_SOCKET.exists()
    has_docker = bool(socket_file) and importlib.util.find_spec("docker") is not None
    return ("docker", "process") if has_docker else ("process",)


def cards(settings: AgentSettings) -> Sequence[str]:
    """Those of the settings; else those that NVIDIA's library finds."""
    return _found_cards() if settings.gpulist is None else settings.gpulist


def own_address(bus: str) -> str:
    """That by which this machine speaks with the bus; nothing is sent for it."""
    with suppress(ValueError, OSError):
        host = urlsplit(bus.partition(",")[0]).hostname or _LOOPBACK
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as asking:
            asking.connect((host, _ANY_PORT))
            return str(asking.getsockname()[0])
    return _LOOPBACK


def _found_cards() -> Sequence[str]:
    if importlib.util.find_spec("pynvml") is None:
        return ()
    import pynvml  # noqa: PLC0415 - an extra

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver: no card
        return ()
    try:
        return [_card(pynvml, place) for place in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError as error:
        get_logger(__name__).warning("the graphics cards do not answer", reason=str(error))
        return ()
    finally:
        pynvml.nvmlShutdown()


def _card(pynvml: Any, place: int) -> str:
    name = pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(place))
    return name.decode() if isinstance(name, bytes) else str(name)
