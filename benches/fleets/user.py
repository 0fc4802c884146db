"""A user of the fleet over HTTP: makes what is wanted, changes it, waits until it is so, times answers."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from benches.bench import WrongWork
from benches.board import percentile
from benches.fleets.job import EACH, Job, Moment
from benches.pairing import Figures
from sightline.fleet.api.client import FleetClient
from sightline.fleet.api.examples import EXAMPLES

CAME: Final = "p50 ms, change to its machine"
ANSWERED: Final = "p50 ms, change to its answer"
P50: Final = "p50 ms, change to acknowledged"
P99: Final = "p99 ms, change to acknowledged"
MOST: Final = "most ms, change to acknowledged"
ALL: Final = "s, a change for every machine"
API: Final = "p99 ms, API"

_INSTANCE: Final = {**EXAMPLES["DsInstanceIn"], "gpus": 0, "run": {"settle_s": 0.0}}
"""Of DeepStream, with models; ready once it says so, without a time for which it has to stay so."""
_PATIENCE_S: Final = 600.0
_POLL_S: Final = 0.05
_LOOK_S: Final = 0.2
_PAGE: Final = 100
_ROWS: Final = 1000
"""Of an import."""
_PACE_S: Final = 0.05
"""Between two questions: 20 a second."""


class User:
    """Of a fleet with so many machines, whose moments are written down by `job`'s process."""

    def __init__(self, client: FleetClient, job: Job) -> None:
        self._client, self._job = client, job
        self._names = [f"{number:05d}" for number in range(job.machines * EACH)]
        self._changes = 0

    def wait_for_machines(self) -> float:
        """Seconds until all are in."""
        return self._until(lambda: self._connected() == self._job.machines, "all machines to be let in")

    def make_all(self) -> float:
        """Instances and cameras, ten a machine, wherever the fleet puts them; seconds until all run."""
        for begin in range(0, len(self._names), _ROWS):
            names = self._names[begin : begin + _ROWS]
            instances = [{**_INSTANCE, "instance_name": f"instance-{name}"} for name in names]
            cameras = [_camera(name, instance_name=f"instance-{name}") for name in names]
            self._client.post(
                "/api/v1/import", {"origin": "bench", "instances": instances, "cameras": cameras}
            )
        begin_s = time.monotonic()
        self._apply()
        self.wait_until_so("all instances to run")
        return time.monotonic() - begin_s

    def wait_until_so(self, what: str) -> float:
        """Seconds until everything is as desired, of all machines."""
        wanted = {"running": len(self._names)}

        def is_so() -> bool:
            status = self._status()
            instances = {state: many for state, many in status["totals"]["instances"].items() if many}
            return bool(status["as_desired"]) and instances == wanted

        return self._until(is_so, what)

    def change_one_by_one(self, times: int) -> Figures:
        """A camera's setting, applied, until its machine's acknowledgement can be read; at random ones."""
        begun, acknowledged = [], []
        for _ in range(times):
            begin_ns = time.monotonic_ns()
            begun.append((self._change(f"/api/v1/cameras/camera-{random.choice(self._names)}"), begin_ns))
            acknowledged.append(time.monotonic_ns() - begin_ns)
        return {
            CAME: self._median_of("came", begun),
            ANSWERED: self._median_of("answered", begun),
            P50: percentile(acknowledged, 0.5) / 1e6,
            P99: percentile(acknowledged, 0.99) / 1e6,
            MOST: max(acknowledged) / 1e6,
        }

    def change_all(self) -> float:
        """A camera of each machine at once: seconds until all have acknowledged."""
        chosen: dict[str, str] = {}
        for row in self._client.all_of("/api/v1/cameras"):
            chosen.setdefault(row["placed_node"], row["camera_id"])
        rows = [{"camera_id": name, "address": self._address()} for name in chosen.values()]
        self._client.post("/api/v1/import", {"origin": "bench", "cameras": rows})
        begin_s = time.monotonic()
        self._apply()
        self.wait_until_so("every machine to have its change")
        return time.monotonic() - begin_s

    def ask_at_a_pace(self, seconds: float) -> dict[str, float]:
        """20 questions a second, in turn a page of a list, one row, and a change; ms of each kind."""
        taken: dict[str, list[int]] = {"list": [], "get": [], "patch": []}
        kinds = list(taken)
        due_s = time.monotonic()
        for number in range(max(len(kinds), round(seconds / _PACE_S))):
            time.sleep(max(0.0, due_s - time.monotonic()))
            kind = kinds[number % len(kinds)]
            begin_ns = time.monotonic_ns()
            self._ask(kind)
            taken[kind].append(time.monotonic_ns() - begin_ns)
            due_s = max(due_s + _PACE_S, time.monotonic())
        each = {
            f"{word} ms, API {kind}": percentile(values, share) / 1e6
            for kind, values in taken.items()
            for word, share in (("p50", 0.5), ("p99", 0.99))
        }
        return {**each, API: percentile([one for values in taken.values() for one in values], 0.99) / 1e6}

    def messages(self) -> int:
        """That the coordinator read since its begin."""
        return sum(self._status()["counts"].get(kind, 0) for kind in ("AgentInfo", "AgentResponse"))

    def _change(self, path: str) -> str:
        """Until it runs; gives its machine."""
        row = self._client.ask("PATCH", path, json={"address": self._address()})
        self._apply()

        def runs() -> bool:
            return bool(self._client.get(path)["observed_generation"] >= row["generation"])

        self._until(runs, f"{path} of generation {row['generation']} to run", _POLL_S)
        return str(row["placed_node"])

    def _ask(self, kind: str) -> None:
        name = random.choice(self._names)
        if kind == "list":
            offset = random.randrange(max(1, len(self._names) - _PAGE))
            self._client.get("/api/v1/cameras", limit=_PAGE, offset=offset)
        elif kind == "get":
            self._client.get(f"/api/v1/instances/instance-{name}")
        else:
            path = f"/api/v1/cameras/camera-{name}"
            self._client.ask("PATCH", path, json={"address": self._address()})

    def _address(self) -> str:
        """Another one each time."""
        self._changes += 1
        return f"rtsp://10.0.0.5/{self._changes}"

    def _apply(self) -> None:
        self._client.post("/api/v1/update-config")

    def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = self._client.get("/api/v1/status")
        return status

    def _connected(self) -> int:
        return int(self._status()["totals"]["agents"].get("connected", 0))

    def _until(self, holds: Callable[[], bool], what: str, look_s: float = _LOOK_S) -> float:
        begin_s = time.monotonic()
        while not holds():
            if time.monotonic() - begin_s > _PATIENCE_S:
                raise WrongWork(f"waited {_PATIENCE_S:g} s for {what}: {self._status()}")
            time.sleep(look_s)
        return time.monotonic() - begin_s

    def _median_of(self, what: str, begun: list[tuple[str, int]]) -> float:
        """From each change to the first such moment of its machine after it."""
        with self._job.moments.open("rb") as file:
            moments = [msgspec.json.decode(line, type=Moment) for line in file if line.endswith(b"\n")]
        seen: dict[str, list[int]] = {}
        for moment in moments:
            if moment.what == what:
                seen.setdefault(moment.node_id, []).append(moment.at_ns)
        late = [min(at for at in seen[node] if at > begin_ns) - begin_ns for node, begin_ns in begun]
        return percentile(late, 0.5) / 1e6


def _camera(name: str, **more: str) -> dict[str, Any]:
    return {"camera_id": f"camera-{name}", "address": f"rtsp://10.0.0.5/{name}", **more}
