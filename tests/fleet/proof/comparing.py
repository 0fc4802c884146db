"""What is desired by the API, beside what an engine and the kernel say is there. Fleet's own views count for
nothing here but that they have to say the same.

The digest that a container was made of is compared with that of the configuration which its agent keeps on
disk, opened with the agent's own key; logins and addresses with the files that the container sees.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import docker
import msgspec
import psutil
from tests.fleet.proof.machines import Machines, arguments_of, in_container

from sightline.fleet.agent.disk import CURRENT, Stored
from sightline.fleet.deciding.agent.desired import Desired
from sightline.fleet.documents.opening import open_document
from sightline.fleet.keys.identity import Identity
from sightline.fleet.runtime.naming import slug

LABEL = "org.sightline."
MIB = 1 << 20
Row = dict[str, Any]


def containers(machines: Machines) -> list[Row]:
    """All of any fleet, as the engine describes them; those that go meanwhile are left out."""
    found: list[Row] = []
    for each in machines.docker.containers(all=True, filters={"label": f"{LABEL}node"}):
        with suppress(docker.errors.NotFound):
            found.append(machines.docker.inspect_container(each["Id"]))
    return found


def by_instance(machines: Machines) -> dict[str, str]:
    """Ids of containers."""
    return {label(one, "instance"): one["Id"] for one in containers(machines)}


def container_of(machines: Machines, name: str) -> Row | None:
    found = [one for one in containers(machines) if label(one, "instance") == name]
    return found[0] if len(found) == 1 else None


def label(container: Row, name: str) -> str:
    return str(container["Config"]["Labels"].get(LABEL + name, ""))


def workers(machines: Machines) -> dict[str, list[str]]:
    """Machines on which a process runs, by the folder's name of its instance."""
    found: dict[str, list[str]] = {}
    for name, folder, _ in _worker_processes(machines):
        found.setdefault(folder, []).append(name)
    return found


def worker_processes(machines: Machines) -> dict[str, psutil.Process]:
    """By the folder's name of its instance."""
    return {folder: process for _, folder, process in _worker_processes(machines)}


def _worker_processes(machines: Machines) -> Iterator[tuple[str, str, psutil.Process]]:
    for process in machines.processes():
        said = arguments_of(process)
        if " sightline.fleet.instance " in said and not in_container(process):
            for name in machines.names:
                root = f"{machines.state(name)}/instances/"
                if f" {root}" in said:
                    yield name, said.partition(f" {root}")[2].partition("/")[0], process


def identity_of(machines: Machines, name: str) -> Identity:
    """An agent's own keys."""
    return Identity.load_or_make(machines.state(name) / "identity")


def current_of(machines: Machines, name: str) -> Desired:
    """What an agent's disk says that it runs."""
    stored = msgspec.json.decode((machines.state(name) / "stages" / CURRENT).read_bytes(), type=Stored)
    return open_document(stored.document, identity_of(machines, name), UUID(machines.node_id(name)))


def files_seen(container: Row) -> list[Path]:
    """Those of the instance that a container sees, in their order."""
    folders = [mount["Source"] for mount in container["Mounts"] if "/state/instances/" in mount["Source"]]
    own = [Path(each) for each in folders if not each.endswith("/work")]
    return [path for folder in own for path in sorted(folder.iterdir())]


def files_of(container: Row) -> str:
    """Their texts."""
    return "\n".join(path.read_text() for path in files_seen(container))


class Comparing:
    """One moment. `differences` is empty where all is as desired."""

    def __init__(self, machines: Machines) -> None:
        self.machines = machines
        self.instances = {row["instance_name"]: row for row in machines.api.all_of("/api/v1/instances")}
        self.cameras = {row["camera_id"]: row for row in machines.api.all_of("/api/v1/cameras")}
        self.agents = {row["agent_name"]: row for row in machines.api.all_of("/api/v1/agents")}
        self.status = machines.api.get("/api/v1/status")
        self.names = {row["node_id"]: name for name, row in self.agents.items()}

    def differences(self) -> list[str]:
        return [
            *self._of_status(),
            *self._of_agents(),
            *self._of_rows(),
            *self._of_containers(),
            *self._of_processes(),
        ]

    def wanted(self, runtime: str) -> dict[str, Row]:
        rows = self.instances.items()
        return {
            name: row
            for name, row in rows
            if row["enabled"] and row["run"]["runtime"] == runtime and self._cameras_of(name)
        }

    def _cameras_of(self, name: str) -> list[str]:
        rows = self.cameras.values()
        return sorted(row["camera_id"] for row in rows if row["enabled"] and row["placed_instance"] == name)

    def _of_status(self) -> Iterator[str]:
        status = self.status
        if not status["as_desired"] or status["revision"] != status["draft_revision"]:
            yield f"the API says: {status}"

    def _of_agents(self) -> Iterator[str]:
        for name, row in self.agents.items():
            numbers = {row[f"{kind}_generation"] for kind in ("config", "observed", "verified")}
            if len(numbers) != 1 or row["deployment"] != "done":
                yield f"{name}: {row['state']}, {row['deployment']}, generations {sorted(numbers)}"
            elif row["config_generation"] and current_of(self.machines, name).generation not in numbers:
                yield f"{name}: its disk says another generation than {numbers}"

    def _of_rows(self) -> Iterator[str]:
        for name, row in self.instances.items():
            if row["enabled"] and (
                row["status"] != "running" or row["observed_generation"] != row["generation"]
            ):
                numbers = f"{row['observed_generation']} of {row['generation']}"
                yield f"instance {name}: {row['status']} ({row['reason']}), {numbers}"
        for name, row in self.cameras.items():
            placed = self.instances.get(row["placed_instance"] or "")
            if row["enabled"] and (placed is None or placed["placed_node"] != row["placed_node"]):
                yield f"camera {name}: on {row['placed_instance']} on {row['placed_node']}"

    def _of_containers(self) -> Iterator[str]:
        wanted, found = self.wanted("docker"), containers(self.machines)
        names = [label(one, "instance") for one in found]
        if sorted(names) != sorted(wanted):
            yield f"containers: {sorted(names)}, wanted: {sorted(wanted)}"
            return
        for one in found:
            name = label(one, "instance")
            yield from (f"container {name}: {why}" for why in self._of_container(one, wanted[name]))

    def _of_container(self, one: Row, row: Row) -> Iterator[str]:
        name, host, limits = row["instance_name"], one["HostConfig"], row["run"]["limits"]
        node = self.names.get(label(one, "node"), "?")
        if not one["State"]["Running"] or one["State"]["Paused"]:
            yield f"{one['State']['Status']}"
        if label(one, "node") != row["placed_node"]:
            yield f"on {label(one, 'node')}, wanted on {row['placed_node']}"
            return
        if not one["Name"].startswith(f"/{self.machines.prefix}{node}-"):
            yield f"its name is {one['Name']}"
        if (label(one, "exclusive") == "yes") != row["exclusive"]:
            yield "exclusive or not"
        if sorted(json.loads(label(one, "cameras"))) != (
            self._cameras_of(name) if row["kind"] == "deepstream" else []
        ):
            yield f"cameras {label(one, 'cameras')}, wanted {self._cameras_of(name)}"
        asked = (round((limits["cpus"] or 0) * 1e9), (limits["memory_mib"] or 0) * MIB)
        if (host["NanoCpus"], host["Memory"]) != asked:
            yield f"limits {host['NanoCpus'], host['Memory']}, wanted {asked}"
        image = row["run"]["image"]
        if image is not None and self.machines.docker.inspect_image(image)["Id"] != one["Image"]:
            yield f"image {one['Image']}, wanted {image}"
        kept = current_of(self.machines, node).instances.get(name)
        if kept is None or kept.digest != label(one, "digest"):
            yield "another digest than its agent keeps"
        yield from self._of_files(one, name)

    def _of_files(self, one: Row, name: str) -> Iterator[str]:
        texts = files_of(one)
        for camera in self._cameras_of(name):
            address = self.cameras[camera]["address"].rpartition("//")[2]
            if address not in texts:
                yield f"its files do not name {address}"

    def _of_processes(self) -> Iterator[str]:
        wanted = {
            slug(name): [self.names.get(row["placed_node"] or "", "nowhere")]
            for name, row in self.wanted("process").items()
        }
        found = workers(self.machines)
        if found != wanted:
            yield f"processes: {found}, wanted: {wanted}"
