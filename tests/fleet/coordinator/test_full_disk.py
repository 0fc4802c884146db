"""A database that takes nothing, for real: its file system has no room, and has room again."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import WaitFor, missing
from tests.fleet.api.rig import agent, bus_url, camera, coordinator, worker

from sightline.fleet.api.client import FleetClient, Refused

pytestmark = pytest.mark.usefixtures("no_leaks")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "sightline-test", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        missing("a file system of our own: not mounted; to add it: run as root")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill(place: Path) -> Path:
    """Take all the room."""
    ballast = place / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(b"\0" * 4096):
            pass
    return ballast


def write_until_refused(client: FleetClient) -> None:
    """The log may have some pages left."""
    for number in range(200):
        client.post("/api/v1/cameras", camera(f"more-{number}"))


def test_a_full_disk_stops_nothing_that_runs_and_is_got_over(small_disk: Path, wait_for: WaitFor) -> None:
    bus = bus_url()
    with (
        coordinator(small_disk, bus) as (_, client),
        agent(bus, client, "hall") as hall,
        agent(bus, client, "yard") as yard,
    ):
        for name in ("one", "two"):
            client.post("/api/v1/instances", worker(name, exclusive=True))
            client.post("/api/v1/cameras", camera(f"{name}-camera", instance_name=name))
        client.post("/api/v1/update-config")
        wait_for(lambda: client.get("/api/v1/status")["as_desired"], 20, "all is as desired")
        moved = yard if yard.instances else hall
        ballast = fill(small_disk)

        with pytest.raises(Refused) as refused:
            write_until_refused(client)
        assert refused.value.status == 503
        assert "no room" in str(refused.value)

        generation = moved.generation
        moved.silent = True  # it is lost, and its share would be another's
        other = hall if moved is yard else yard
        before = other.generation
        wait_for(lambda: client.get("/api/v1/status")["database_fault"], 20, "it is told")
        wait_for(lambda: client.get("/api/v1/status")["totals"]["agents"].get("lost"), 20, "it is lost")
        leases = len(other.commands("leases"))
        # Ten of them take a second, and what was on the lost one moves after a third of it.
        wait_for(lambda: len(other.commands("leases")) > leases + 10, 20, "leases go on")
        assert (other.generation, moved.generation) == (before, generation), "nothing unsaved is sent"

        ballast.unlink()
        moved.silent = False
        moved.greet()
        wait_for(lambda: not client.get("/api/v1/status")["database_fault"], 20, "it is over")
        wait_for(lambda: client.get("/api/v1/status")["as_desired"], 20, "all is as desired again")
        client.post("/api/v1/cameras", camera("one-more", instance_name="one"))
        client.post("/api/v1/update-config")
        wait_for(lambda: client.get("/api/v1/status")["as_desired"], 20, "and what is new is applied")
