"""A user who writes for long holds up no agent, and what one says meanwhile is not lost."""

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.conftest import WaitFor
from tests.fleet.api.rig import Agent, agent, bus_url, camera, coordinator, worker

pytestmark = pytest.mark.usefixtures("no_leaks")


def test_leases_go_on_while_a_long_change_is_written(tmp_path: Path, wait_for: WaitFor) -> None:
    bus = bus_url()
    with (
        coordinator(tmp_path, bus) as (server, client),
        agent(bus, client, "hall") as hall,
        ExitStack() as opened,
    ):
        client.post("/api/v1/instances", worker("one"))
        client.post("/api/v1/cameras", camera("gate"))
        wait_for(lambda: hall.commands("leases"), 10, "it is heard")
        late = Agent(bus, "late", client.post("/api/v1/enrolment-tokens")["token"])
        opened.callback(late.close)
        begun, over = threading.Event(), threading.Event()

        def write() -> None:
            with server.service.database.sessions.writing():
                begun.set()
                over.wait(30)

        writing = threading.Thread(target=write)
        writing.start()
        try:
            assert begun.wait(10)
            hall.greet(labels={"room": "a"})  # to be written down
            leases = len(hall.commands("leases"))
            wait_for(lambda: len(hall.commands("leases")) > leases + 10, 20, "leases go on")
            assert client.get("/api/v1/status")["database_fault"] == ""
            assert client.get("/api/v1/agents/hall")["labels"] == {}
            late.greet()
            wait_for(lambda: late.commands("refuse"), 10, "it is to ask again")
        finally:
            over.set()
            writing.join()
        labels = {"room": "a"}
        wait_for(lambda: client.get("/api/v1/agents/hall")["labels"] == labels, 5, "what it said is kept")
        assert hall.greeting == 1 + 1, "it has not said it again"
        wait_for(lambda: late.commands("welcome"), 5, "who came then is let in")
        client.post("/api/v1/update-config")
        wait_for(lambda: hall.instances or late.instances, 10, "and what was to be saved is")
