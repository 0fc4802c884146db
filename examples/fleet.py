"""A fleet in one process: a coordinator, an agent, and a worker that looks at a drawn street.

python examples/fleet.py

Machines of their own run `sightline coordinator` and `sightline agent`; what is said to them is the same.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from sightline.fleet import AgentService, AgentSettings, CoordinatorServer, FleetClient

BUS = "memory://fleet"
LOOK = {"rate": 2, "model": {"kind": "motion"}, "sinks": [{"kind": "jsonl", "path": "results.jsonl"}]}
WORKER = {"instance_name": "look", "kind": "worker", "config": {"workers": {"look": LOOK}}}
STREET = {"camera_id": "street", "address": "synthetic://street", "instance_name": "look"}


def main() -> None:
    with (
        TemporaryDirectory() as folder,
        CoordinatorServer(bus=BUS, database=Path(folder, "fleet.db")) as coordinator,
        FleetClient(coordinator.url, coordinator.token) as fleet,
    ):
        token = fleet.post("/api/v1/enrolment-tokens")["token"]
        settings = {"bus": BUS, "token": token, "state": Path(folder, "agent"), "name": "here"}
        with AgentService(AgentSettings.read({**settings, "runtimes": ["process"]}, environ={})):
            fleet.post("/api/v1/instances", WORKER)
            fleet.post("/api/v1/cameras", STREET)
            fleet.post("/api/v1/update-config")
            wait_until_as_desired(fleet)
            for step in fleet.get("/api/v1/explain/camera/street")["steps"]:
                print(f"{step['what']}: {step['why']}")


def wait_until_as_desired(fleet: FleetClient) -> None:
    while not fleet.get("/api/v1/status")["as_desired"]:
        time.sleep(0.1)


if __name__ == "__main__":
    main()
