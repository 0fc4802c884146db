"""A few graphs at random as real pipes: flows are processes, and are killed and changed meanwhile.

A failure prints the example, and with `print_blob` how to run it again.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.pipe.lines import Lines
from tests.pipe.proof.actors import NOTE, Actor, InFile, actor_of
from tests.pipe.proof.ground import stacks
from tests.pipe.proof.laws import misled, unbalanced
from tests.pipe.proof.plans import WIRES, Plan, may_come, misordered, must_come, plans
from tools.services.waiting import wait_for

from sightline.errors import Closed, ConfigError
from sightline.pipe.parent.board import EventReport
from sightline.pipe.pipe import Pipe
from sightline.pipe.wire import Wire
from sightline.supervise.policy import Restart

pytestmark = pytest.mark.alone

PROOF = settings(max_examples=3, phases=(Phase.explicit, Phase.reuse, Phase.generate), print_blob=True)
DEADLINE_S = 25.0
SOON = Restart(delay_s=0.02, most_delay_s=0.02, most_ends=1000)
EVENTS = st.tuples(st.sampled_from(["start", "stop", NOTE]), st.integers(0, 6))
CHANGES = st.tuples(st.sampled_from(["unlink", "link"]), st.integers(0, 20), WIRES)
DEATHS = st.tuples(st.just("kill"), st.integers(0, 2))


class Play:
    """A plan as a pipe."""

    def __init__(self, plan: Plan, folder: str) -> None:
        self.plan = plan
        self.log = Lines()
        self.pipe = Pipe(logger=self.log.logger(), restart=SOON)
        self.journals = {part.name: InFile(f"{folder}/{part.name}") for part in plan.parts}
        self.harmed: set[tuple[str, str]] = set()
        self._actors = {part.name: actor_of(part, self.journals[part.name], plan.many) for part in plan.parts}
        for flow in dict.fromkeys(part.flow for part in plan.parts):
            theirs = (self._actors[part.name] for part in plan.parts if part.flow == flow)
            self.pipe.create_flow(flow, False, *theirs)
        self.link_all()
        self.pipe.build()
        self.send("start")

    def finish(self) -> None:
        """All wires are as they were, all routines are started, and all of them end."""
        with suppress(Closed):  # they have
            self.link_all()
            self.send("start")
        if not self.pipe.wait(DEADLINE_S):
            for flow in self.pipe.pids:
                self.pipe._parent._supervisor.dump(flow)  # type: ignore[union-attr]
            self.pipe.wait(2.0)
            stats = "\n".join(map(str, self.pipe.stats().routines.values()))
            print(self.plan, file=sys.stderr)  # at once, where the test has its time before it is told
            raise AssertionError(f"not all are done: {stats}; their stacks are in the log\n{stacks()}")

    def link_all(self) -> None:
        ends = ((self._ends(way.ends), way.settings) for way in self.plan.ways)
        self.pipe.link(*(Wire(one, other, settings=how) for (one, other), how in ends))

    def do(self, event: str, number: int, *more: Any) -> None:
        plan = self.plan
        way = plan.ways[number % len(plan.ways)]
        match event:
            case "unlink":
                with suppress(ConfigError):  # it is unlinked already
                    self.pipe.unlink(*self._ends(way.ends))
                self.harmed.add(way.ends)
            case "link":
                self.pipe.link(Wire(*self._ends(way.ends), settings=more[0]))
                self.harmed.add(way.ends)
            case "kill":
                self._kill(number)
            case _:
                part = plan.parts[number % len(plan.parts)]
                self.send(event, {part.flow: [part.name]})

    def send(self, event: str, targets: dict[str, list[str]] | None = None) -> EventReport:
        parameters = {"number": 1} if event == NOTE else {}
        report = self.pipe.notify_event(event, targets, wait=DEADLINE_S, **parameters)
        assert report is not None
        return report

    def got(self, name: str) -> list[tuple[Any, ...]]:
        return self.journals[name].items()

    def _kill(self, number: int) -> None:
        flows = sorted(self.pipe.pids.items())
        if not flows:
            return  # all is done already
        flow, pid = flows[number % len(flows)]
        self.harmed |= {way.ends for way in self.plan.ways if flow in map(self.plan.flow_of, way.ends)}
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: self.pipe.pids.get(flow) != pid, DEADLINE_S, "its end to be seen")

    def _ends(self, ends: tuple[str, str]) -> tuple[Actor, Actor]:
        return self._actors[ends[0]], self._actors[ends[1]]


@contextmanager
def playing(plan: Plan) -> Iterator[Play]:
    with TemporaryDirectory() as folder:
        play = Play(plan, folder)
        with play.pipe:
            yield play
        assert play.pipe.pids == {}


def judge(play: Play) -> None:
    plan, may, must = play.plan, may_come(play.plan), must_come(play.plan, play.harmed)
    for name in may:
        got = play.got(name)
        assert len(set(got)) == len(got), f"{name} got something twice: {got}"
        assert must[name] <= set(got) <= may[name], f"{name} did not get {must[name] - set(got)}"
        assert list(misordered(plan, name, got)) == []


def play_out(plan: Plan, meanwhile: list[Any]) -> None:
    with playing(plan) as play:
        with suppress(Closed):  # all was done before
            for event in meanwhile:
                play.do(*event)
        play.finish()
        stats = play.pipe.stats().routines
        deaths = any(event == "kill" for event, *_ in meanwhile)
        assert [*unbalanced(stats), *([] if deaths else misled(plan, stats, play.harmed))] == []
        judge(play)


@PROOF
@given(plan=plans(most=6), meanwhile=st.lists(EVENTS, max_size=6))
def test_nothing_is_lost_on_lossless_wires_and_all_adds_up(plan: Plan, meanwhile: list[Any]) -> None:
    play_out(plan, meanwhile)


@PROOF
@given(plan=plans(most=6), meanwhile=st.lists(st.one_of(CHANGES, CHANGES, EVENTS), max_size=8))
def test_wires_that_are_changed_harm_no_others_and_nobody_hangs(plan: Plan, meanwhile: list[Any]) -> None:
    play_out(plan, meanwhile)


@PROOF
@given(plan=plans(most=6), meanwhile=st.lists(st.one_of(DEATHS, EVENTS, CHANGES), max_size=6))
def test_flows_that_are_killed_harm_only_their_own_wires(plan: Plan, meanwhile: list[Any]) -> None:
    play_out(plan, meanwhile)
