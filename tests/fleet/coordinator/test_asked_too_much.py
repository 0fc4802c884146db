"""Who asks for what takes long has so many threads of the coordinator's, and no more: others are answered."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import WaitFor
from tests.fleet.api.rig import Agent, agent, bus_url, camera, coordinator, worker

from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.coordinator.asking import MOST_EXPLAINED, MOST_LOGS, MOST_PLANS

pytestmark = pytest.mark.usefixtures("no_leaks")

MANY = 40
"""As many threads as answer requests."""


class Asked:
    """Many who ask at once, each over a connection of their own."""

    def __init__(self, server: CoordinatorServer, pool: ThreadPoolExecutor, client: httpx.Client) -> None:
        self._server, self._pool, self.client = server, pool, client

    def many(self, path: str) -> list[Future[httpx.Response]]:
        return [self._pool.submit(self.client.get, path) for _ in range(MANY)]

    def counts(self) -> dict[str, int]:
        """Asked for while all of these wait; it times out where nobody is left to answer."""
        counts: dict[str, int] = self.client.get("/api/v1/status", timeout=5).json()["counts"]
        return counts


@contextmanager
def asked(server: CoordinatorServer) -> Iterator[Asked]:
    with (
        httpx.Client(
            base_url=server.url,
            headers={"authorization": f"Bearer {server.token}"},
            timeout=30,
            trust_env=False,
        ) as client,
        ThreadPoolExecutor(2 * MANY) as pool,
    ):
        yield Asked(server, pool, client)


def refused(all_of: list[Future[httpx.Response]]) -> list[tuple[int, str]]:
    """What those were told who are answered, and when to come again."""
    answers = [one.result() for one in all_of if one.done()]
    return [(one.status_code, one.headers.get("retry-after", "")) for one in answers]


def test_logs_of_an_agent_that_is_held_up_leave_threads_for_others(tmp_path: Path, wait_for: WaitFor) -> None:
    bus = bus_url()
    with coordinator(tmp_path, bus) as (server, client), agent(bus, client, "hall") as hall:
        client.post("/api/v1/instances", worker("one"))
        client.post("/api/v1/cameras", camera("gate", instance_name="one"))
        client.post("/api/v1/update-config")
        wait_for(lambda: hall.instances, 10, "it runs one")
        held = _hold_logs(hall)
        with asked(server) as asking:
            logs = asking.many("/api/v1/instances/one/logs")
            wait_for(lambda: len(refused(logs)) == MANY - MOST_LOGS, 8, "the others to be told")
            assert set(refused(logs)) == {(503, "1")}
            assert asking.counts()["busy_logs"] == MANY - MOST_LOGS
            wait_for(lambda: len(held) == MOST_LOGS, 8, "the agent to have been asked by all")
            for said in held:
                Agent.respond(hall, **said)
            done = [one.result() for one in logs]
            assert sum(one.status_code == 200 for one in done) == MOST_LOGS
        assert len(server.service.asking.logs) == 0


def _hold_logs(hall: Agent) -> list[dict[str, Any]]:
    """Answers of it that wait from now on."""
    held = list[dict[str, Any]]()

    def respond(**said: Any) -> None:
        if "request" in said:
            held.append(said)
        else:
            Agent.respond(hall, **said)

    hall.respond = respond  # type: ignore[method-assign]
    return held


def test_plans_and_explanations_of_a_busy_coordinator_leave_threads_for_others(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    go_on = threading.Event()
    with coordinator(tmp_path, bus_url()) as (server, client):
        client.post("/api/v1/instances", worker("one"))
        client.post("/api/v1/update-config")
        with asked(server) as asking, ThreadPoolExecutor(1) as other:
            try:
                busy = other.submit(server.service.ask, lambda *_: go_on.wait(20), 20)
                of_plans = asking.many("/api/v1/plan")
                wait_for(lambda: len(refused(of_plans)) == MANY - MOST_PLANS, 8, "the others to be told")
                of_explained = asking.many("/api/v1/explain/instance/one")
                wait_for(lambda: len(refused(of_explained)) == MANY - MOST_EXPLAINED, 8, "and these")
                assert set(refused(of_plans) + refused(of_explained)) == {(503, "1")}
                assert asking.counts()["busy_plans"] == MANY - MOST_PLANS
            finally:
                go_on.set()
            assert busy.result()
            done = [one.result().status_code for one in of_plans + of_explained]
            assert done.count(200) == MOST_PLANS + MOST_EXPLAINED
