"""A coordinator too busy to plan: some wait for the page of the plan, and the others are told so at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.cockpit.security.rig import PASSWORD, logged_in
from tests.conftest import WaitFor

from sightline.cockpit.pages.plan import _MOST_WAITING
from sightline.fleet.api.serving import CoordinatorServer

MANY = 20
BUSY = "wait for a plan already"


def test_who_comes_beyond_those_who_wait_for_a_plan_is_told_so(
    server: CoordinatorServer, wait_for: WaitFor
) -> None:
    go_on = threading.Event()
    with logged_in(server.url, "viewer", PASSWORD) as client, ThreadPoolExecutor(MANY + 1) as pool:
        client.timeout = 30
        try:
            pool.submit(server.service.ask, lambda *_: go_on.wait(20), 20)
            pages = [pool.submit(client.get, "/plan") for _ in range(MANY)]

            def told() -> int:
                return sum(BUSY in one.result().text for one in pages if one.done())

            wait_for(lambda: told() == MANY - _MOST_WAITING, 4, "the others to be told")
        finally:
            go_on.set()
        assert {one.result().status_code for one in pages} == {200}
