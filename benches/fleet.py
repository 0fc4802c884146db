"""A coordinator with 10, 100 and 1,000 machines: how soon a change holds, what it spends, how it comes back.

Broker, coordinator and machines are processes of their own; the turn itself is the user, over HTTP. A machine
is a real agent's decisions and keys with instances that only pretend (`fleets.machines`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tools.services import SERVICES

from benches.bench import Bench, Missing, Scale, WrongWork
from benches.fleets.job import EACH, Job
from benches.fleets.stage import TOKEN, CoordinatorProcess, MachinesProcess, broker, cpu_s
from benches.fleets.user import ALL, API, P50, P99, User
from benches.pairing import Aim, Figures
from sightline.errors import FleetError
from sightline.fleet.api.client import FleetClient

CPU: Final = "coordinator, % of a core"
RSS: Final = "coordinator, RSS MB"
BUSY: Final = "machines, % of a core"
BROKER: Final = "broker, % of a core"
LATE: Final = "machines, most ms late"
READ: Final = "messages/s to the coordinator"
BACK: Final = "s, kill -9 to the full picture"
ANSWERS: Final = "s of it, until the API answers"
BUSY_THEN: Final = "CPU s of the machines meanwhile"
CPU_THEN: Final = "CPU s of the coordinator meanwhile"
FIRST: Final = "s, first configuration of all"
ENROLLED: Final = "s, all machines enrolled"
MACHINES: Final = "machines"

FEW, SOME, MANY, HUB = "10", "100", "1,000", "1,000 over the hub"
_KILLS: Final = 3
_QUIET: Final = 1.5
"""Of `Scale.paced_s`."""
_CALLS_A_CHANGE: Final = 200
"""Of `Scale.calls`."""
_CAMERAS: Final = Scale().cameras


def machines_of(count: int, scale: Scale) -> int:
    """As many as a contender has, fewer where little work is asked for."""
    return max(1, count * scale.cameras // _CAMERAS)


def _needs(_scale: Scale) -> None:
    service = SERVICES["kafka"]
    if service.find() is None:
        raise Missing(f"a Kafka broker; to add it: {service.how_to_add()}")
    for name in ("fastapi", "sqlalchemy", "httpx"):
        if find_spec(name) is None:
            raise Missing(f"{name}; pip install 'sightline[fleet]'")


def _fleet(count: int, kind: str = "kafka") -> Callable[[Scale], Figures]:
    def turn(scale: Scale) -> Figures:
        with (
            TemporaryDirectory() as name,
            broker(kind, Path(name)) as (bus, broker_pid),
            CoordinatorProcess(bus, Path(name)) as coordinator,
            FleetClient(coordinator.url, TOKEN, timeout_s=300.0) as client,
        ):
            many = machines_of(count, scale)
            token = client.post("/api/v1/enrolment-tokens", {"uses": many})["token"]
            job = Job(folder=name, bus=bus, machines=many, token=token)
            with MachinesProcess(job) as machines:
                user = User(client, job)
                try:
                    played = _played(user, coordinator, machines, broker_pid, scale)
                except FleetError as error:
                    raise WrongWork(f"{error}\n{coordinator.said()}") from None
                return {MACHINES: many, **played}

    return turn


def _played(
    user: User, coordinator: CoordinatorProcess, machines: MachinesProcess, broker_pid: int, scale: Scale
) -> Figures:
    enrolled_s, first_s = user.wait_for_machines(), user.make_all()
    quiet = _quiet(user, coordinator, machines, broker_pid, scale.paced_s * _QUIET)
    answers = user.ask_at_a_pace(scale.paced_s)
    changes = user.change_one_by_one(max(1, scale.calls // _CALLS_A_CHANGE))
    all_s = user.change_all()
    return {
        ENROLLED: enrolled_s,
        FIRST: first_s,
        **quiet,
        **changes,
        ALL: all_s,
        **answers,
        **_back(user, coordinator, machines),
    }


def _quiet(
    user: User, coordinator: CoordinatorProcess, machines: MachinesProcess, broker_pid: int, seconds: float
) -> Figures:
    """Nothing but what the machines say of themselves."""
    time.sleep(5.0)  # what the beginning left behind
    read, late_ms = user.messages(), 0.0
    begin = [time.monotonic(), coordinator.cpu_s, machines.cpu_s, cpu_s(broker_pid)]
    while time.monotonic() - begin[0] < seconds:
        time.sleep(1.0)
        late_ms = max(late_ms, machines.spent().late_ms)
    now = [time.monotonic(), coordinator.cpu_s, machines.cpu_s, cpu_s(broker_pid)]
    wall_s, *spent_s = (one - other for one, other in zip(now, begin, strict=True))
    shares = dict(zip((CPU, BUSY, BROKER), (100 * each / wall_s for each in spent_s), strict=True))
    return {
        **shares,
        LATE: late_ms,
        READ: (user.messages() - read) / wall_s,
        RSS: coordinator.rss_mb,
    }


def _back(user: User, coordinator: CoordinatorProcess, machines: MachinesProcess) -> Figures:
    """The worst of some times."""
    taken: list[Figures] = []
    for _ in range(_KILLS):
        before_s = machines.cpu_s
        began_s = coordinator.kill_and_begin()
        answers_s = time.monotonic() - began_s
        user.wait_until_so("the full picture after a kill")
        taken.append(
            {
                BACK: time.monotonic() - began_s,
                ANSWERS: answers_s,
                CPU_THEN: coordinator.cpu_s,
                BUSY_THEN: machines.cpu_s - before_s,
            }
        )
    return max(taken, key=lambda one: one[BACK])


_GROWING: Final = (CPU, P50, P99, API, BACK)

BENCHES: Final = (
    Bench(
        name="fleet",
        title=f"A coordinator and its machines, {EACH} instances each, a camera an instance",
        contenders={
            FEW: _fleet(10),
            SOME: _fleet(100),
            MANY: _fleet(1000),
            HUB: _fleet(1000, "hub"),
        },
        aims=(
            Aim(MANY, P99, 2000),
            Aim(MANY, CPU, 25),
            Aim(MANY, BACK, 10),
            Aim(MANY, API, 50),
            *(Aim(SOME, figure, against=FEW) for figure in _GROWING),
            *(Aim(MANY, figure, against=SOME) for figure in _GROWING),
            *(Aim(HUB, figure, against=MANY) for figure in _GROWING),
        ),
        notes=(
            "There is no peer to be had: nothing else runs such a fleet. Ratios are to a tenth as many.",
            "Broker (Kafka of one node unless said), coordinator (the command, SQLite on disk) and machines",
            "are a process each, and share the cores with the user, who is the turn. Machines: real agents'",
            "decisions, keys, signatures and enrolment, a status every 5 s; their instances pretend, and are",
            "ready after 0.2 s. All share one handle on the bus (a thousand clients of Kafka are five",
            "thousand threads): what is for all is checked once, and each is given its own lease of a list.",
            "A change: PATCH of a camera's address and update-config, at random machines one by one,",
            "until GET of the camera shows that it runs. API: 20 questions a second, a third are changes.",
            "`most ms late`: how far behind its own timetable the machines' process was. `meanwhile`: from",
            "the kill to the full picture, of which the worst of three is shown.",
        ),
        rounds=1,
        warm_up=False,
        needs=_needs,
    ),
)
