"""Lines of a container's log with their times, as Docker gives them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeAlias

from sightline.fleet.runtime.docker.engine import Engine

Lines: TypeAlias = list[tuple[str, str]]
"""Each with its time as a text, which grows as time does."""

MOST_LINES: Final = 5000
_MICROSECONDS: Final = 26
_BEFORE_S: Final = 5.0


def moment(stamp: str) -> float:
    """Seconds since 1970 of Docker's RFC 3339; 0 where it is none."""
    try:
        return datetime.fromisoformat(f"{stamp.rstrip('Z')[:_MICROSECONDS]}+00:00").timestamp()
    except ValueError:
        return 0.0


def life_since(state: Mapping[str, Any]) -> float:
    """From when on lines are of the newest life of a container with this `State`.

    Docker writes down when it began only once it has, which may be after its first lines, or after its end.
    """
    began_s = moment(state.get("StartedAt", "")) - _BEFORE_S
    if state.get("Restarting") or not state.get("Running"):
        return began_s
    return max(began_s, moment(state.get("FinishedAt", "")))  # of the life before


def lines_since(
    engine: Engine, container: str, since_s: float, *, for_s: float | None = None, most: int | None = None
) -> Lines:
    """The first `MOST_LINES` since then, or the last `most`. Raises RuntimeFault."""
    wanted: dict[str, Any] = {"since": max(0.0, since_s - 0.001)}
    if for_s is not None:
        wanted["until"] = since_s + for_s
    if most is not None:
        wanted["tail"] = most
    data = engine.ask(
        f"log of {container[:12]}", lambda client: client.logs(container, timestamps=True, **wanted)
    )
    return list(islice(_split(data), MOST_LINES))


def last_of(engine: Engine, container: str, most: int) -> Lines:
    data = engine.ask(
        f"log of {container[:12]}", lambda client: client.logs(container, timestamps=True, tail=most)
    )
    return list(_split(data))


def _split(data: bytes) -> Any:
    for line in data.split(b"\n"):
        stamp, _, text = line.partition(b" ")
        if stamp:
            yield stamp.decode(errors="replace"), text.decode(errors="replace").rstrip("\r")
