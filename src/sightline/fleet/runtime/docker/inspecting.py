"""A container as Docker describes it, as a `Found`. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sightline.fleet.deciding.agent.desired import Found
from sightline.fleet.messages.parts import CameraFigures
from sightline.fleet.runtime.docker.containers import (
    CAMERAS,
    DIGEST,
    EXCLUSIVE,
    INSTANCE,
    MAY_END,
    YES,
    drift_of,
)

if TYPE_CHECKING:
    from sightline.fleet.messages.parts import InstanceState

Inspected = Mapping[str, Any]
_SIGNALLED: Final = range(129, 193)
"""As shells and Docker have it: 128 and the number of a signal."""
_PASSING: Final[Mapping[str, tuple[InstanceState, str]]] = {
    "paused": ("unhealthy", "somebody paused it"),
    "removing": ("removing", "it is being removed"),
}


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one life of a container besides: by its lines, and by its use of the machine."""

    ready: bool = False
    trouble: str = ""
    last_words: str = ""
    cameras: dict[str, CameraFigures] = {}
    cpu: float | None = None
    memory_mib: float | None = None
    gpu: float | None = None


NOTHING: Final = Watched()


def run_of(container: Inspected) -> str:
    """Which life of it this is."""
    return f"{container['Id'][:12]}@{container['State'].get('StartedAt', '')}"


def cameras_of(labels: Mapping[str, str]) -> tuple[str, ...]:
    try:
        told = json.loads(labels.get(CAMERAS, "[]"))
    except ValueError:
        return ()
    return tuple(map(str, told)) if isinstance(told, list) else ()


def found(container: Inspected, watched: Watched = NOTHING, *, begun_here: bool = False) -> Found:
    """`begun_here`: it is being begun at this moment."""
    labels = container["Config"].get("Labels") or {}
    state, reason = _state(container["State"], watched, begun_here=begun_here)
    if state == "exited" and labels.get(MAY_END) != YES:
        # An engine that was killed ends what it finds at its next begin, as whoever types `docker stop`.
        state, reason = "failed", f"{reason}, though it is not to end"
    runs = container["State"].get("Status") == "running"
    drift = drift_of(labels, container)
    return Found(
        name=labels.get(INSTANCE, ""),
        digest=labels.get(DIGEST, ""),
        exclusive=labels.get(EXCLUSIVE) == YES,
        state=state,
        reason=reason,
        run=run_of(container),
        code=container["State"].get("ExitCode") if state in {"exited", "failed", "waiting"} else None,
        drift=", ".join(filter(None, ("paused" if container["State"].get("Paused") else "", drift))),
        image=str(container.get("Image") or ""),
        cameras=watched.cameras if runs else {},
        cpu=watched.cpu if runs else None,
        memory_mib=watched.memory_mib if runs else None,
        gpu=watched.gpu if runs else None,
    )


def _state(state: Mapping[str, Any], watched: Watched, *, begun_here: bool) -> tuple[InstanceState, str]:
    match state.get("Status"):
        case "running":
            return _running(state, watched)
        case "created":
            return ("creating", "") if begun_here else ("failed", "it was made and never begun")
        case "restarting":
            return "waiting", f"{_ended(state, watched)}; Docker begins it again"
        case "paused" | "removing" as status:
            return _PASSING[status]
        case _ if state.get("Status") == "exited" and state.get("ExitCode") == 0:
            return "exited", "exit code 0"
        case _:
            return "failed", _ended(state, watched)


def _running(state: Mapping[str, Any], watched: Watched) -> tuple[InstanceState, str]:
    health = (state.get("Health") or {}).get("Status")
    if health == "unhealthy":
        return "unhealthy", f"its image's health check failed: {_last_check(state)}"
    if not watched.ready or health == "starting":
        return "starting", "it has not said yet that it runs"
    return ("unhealthy", watched.trouble) if watched.trouble else ("running", "")


def _last_check(state: Mapping[str, Any]) -> str:
    checks = (state.get("Health") or {}).get("Log") or [{}]
    return str(checks[-1].get("Output", "")).strip()[:200] or "without a word"


def _ended(state: Mapping[str, Any], watched: Watched) -> str:
    code = state.get("ExitCode")
    how = f"exit code {code}"
    if state.get("OOMKilled"):
        how = f"out of memory ({how})"
    elif isinstance(code, int) and code in _SIGNALLED:
        how = f"{how}, as of signal {code - 128}"
    said = watched.last_words or str(state.get("Error") or "")
    return f"{how}: {said}" if said else how
