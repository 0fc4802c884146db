"""A fleet as a reader of its pages has one: a coordinator on a port, and three machines that answer.

The machines speak as real agents do and run nothing; what real ones do with it is held to elsewhere.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.fleet.api.rig import Agent, bus_url, coordinator
from tools.services.waiting import wait_for

from sightline.fleet import FleetClient, Timing

LET_IN_S = 30.0
MACHINES = ("hall", "yard", "gate")
PAGES = ("fleet.md", "fleet-api.md", "fleet-operations.md", "fleet-people.md", "fleet-audit.md")


class Machine(Agent):
    """With a graphics card."""

    def greet(self, **other: Any) -> None:
        super().greet(gpulist=["NVIDIA L4"], **other)


@contextmanager
def fleet(folder: Path) -> Iterator[tuple[str, str]]:
    """One that runs; gives the URL of its API, and its token."""
    bus = bus_url()
    with ExitStack() as opened:
        server, client = opened.enter_context(coordinator(folder, bus, timing=Timing()))
        for name in MACHINES:
            machine = Machine(bus, name, client.post("/api/v1/enrolment-tokens")["token"])
            opened.callback(machine.close)
            machine.greet()
        wait_for(lambda: _are_in(client), LET_IN_S, "all machines are let in")
        yield server.url, server.token


def _are_in(client: FleetClient) -> bool:
    there: dict[str, int] = client.get("/api/v1/status")["totals"]["agents"]
    return there == {"connected": len(MACHINES)}
