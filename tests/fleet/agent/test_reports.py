"""What the coordinator is told, and when."""

from itertools import pairwise

from tests.fleet.agent.rig import BOOT, NODE, Rig, desired, instance, running

from sightline.fleet.deciding.agent.desired import Greet, LookAt, SendLog, Told
from sightline.fleet.deciding.agent.machine import LOOKS
from sightline.fleet.messages.parts import CameraFigures
from sightline.fleet.messages.topics import MOST_LOG_BYTES, AgentResponse


def responses(rig: Rig, seconds: float, step_s: float = 0.1) -> list[AgentResponse]:
    before = len(rig.of(AgentResponse))
    for _ in range(round(seconds / step_s)):
        rig.tick(step_s)
    return rig.of(AgentResponse)[before:]


def calm() -> Rig:
    """All has been said, and the lease does not end."""
    rig = running(instance("a", terms={"gate": 4}, generation=3))
    rig.tick(1)
    rig.acknowledge()
    return rig


def test_nothing_is_said_before_the_first_welcome() -> None:
    rig = Rig()
    rig.look()
    assert responses(rig, 30) == []


def test_nothing_but_greetings_is_said_after_a_refusal_until_it_is_welcome_again() -> None:
    rig = calm()
    rig.command("refuse", reason="removed")
    assert responses(rig, 40) == []
    assert [one.full for one in rig.fresh(AgentResponse, rig.welcome())] == [True]


def test_the_first_response_is_full_and_comes_with_the_welcome() -> None:
    rig = Rig()
    rig.look()
    (first,) = rig.fresh(AgentResponse, rig.welcome())
    assert (first.full, first.seq, first.full_seq, first.node_id, first.boot) == (True, 1, 1, NODE, BOOT)


def test_every_status_s_comes_a_small_one_that_names_the_last_full_one() -> None:
    rig = calm()
    full = next(one for one in reversed(rig.of(AgentResponse)) if one.full)
    while not (sent := rig.fresh(AgentResponse, rig.tick(0.1))):
        pass
    sent += responses(rig, 4.9)
    sent += responses(rig, 0.1)
    assert [one.full for one in sent] == [False, False]
    assert sent[1].seq == sent[0].seq + 1
    assert {one.full_seq for one in sent} == {full.full_seq}
    assert all(not one.status for one in sent)


def test_it_asks_to_be_called_for_each_though_nothing_but_acknowledgements_comes_in_between() -> None:
    rig = calm()
    sent_s = []
    for _ in range(60):
        due_ns = rig.agent.due_ns()
        assert due_ns is not None
        rig.now_s = due_ns / 1e9
        if rig.fresh(AgentResponse, rig.tick()):
            sent_s.append(rig.now_s)
            rig.acknowledge()
    assert {round(after - before, 3) for before, after in pairwise(sent_s)} == {5.0}


def test_a_change_of_state_is_told_at_once_and_in_full() -> None:
    rig = calm()
    rig.tick(2)
    (told,) = rig.fresh(AgentResponse, rig.change("a", state="unhealthy", reason="no picture"))
    assert told.full
    assert [(one.instance_name, one.state, one.reason) for one in told.status] == [
        ("a", "unhealthy", "no picture")
    ]


def test_changes_are_told_at_most_once_a_second() -> None:
    rig = calm()
    before = len(rig.of(AgentResponse))
    for number in range(100):
        rig.change("a", reason=str(number))
        rig.tick(0.05)
    assert len(rig.of(AgentResponse)) - before <= 6


def test_figures_alone_are_told_every_figures_s() -> None:
    rig = calm()
    before = len(rig.of(AgentResponse))
    for number in range(290):
        rig.change("a", cpu=number / 10)
        rig.tick(0.1)
        rig.acknowledge()
    sent = rig.of(AgentResponse)[before:]
    assert sum(one.full for one in sent) <= 1
    rig.tick(2)
    full = next(one for one in reversed(rig.of(AgentResponse)) if one.full)
    assert full.status[0].cpu is not None
    assert full.status[0].cpu > 20


def test_a_status_has_all_that_was_found_and_what_it_was_made_of() -> None:
    rig = calm()
    rig.change("a", cameras={"gate": CameraFigures(fps=25.0)}, cpu=1.5, memory_mib=512.0, gpu=0.5)
    (one,) = rig.status().status
    assert (one.generation, one.terms, one.restarts, one.drift) == (3, {"gate": 4}, 0, "")
    assert (one.cpu, one.memory_mib, one.gpu) == (1.5, 512.0, 0.5)
    assert one.cameras["gate"].fps == 25.0


def test_report_says_all_and_who_we_are_without_asking_to_be_let_in_anew() -> None:
    rig = calm()
    rig.tick(2)
    actions = rig.command("report", node_id=None)
    assert [one.full for one in rig.fresh(AgentResponse, actions)] == [True]
    assert rig.fresh(Greet, actions) == [Greet(1, 1, 1)]


def test_report_asks_to_be_let_in_where_we_are_not() -> None:
    rig = Rig()
    assert [one.greeting for one in rig.fresh(Greet, rig.command("report", node_id=None))] == [2]


def test_logs_are_asked_of_the_shell_once_and_answered_by_a_response() -> None:
    rig = calm()
    assert SendLog("r1", "a", 50) in rig.command("logs", instance="a", lines=50, request="r1")
    assert not rig.fresh(SendLog, rig.command("logs", instance="a", lines=50, request="r1"))
    (answer, *_) = rig.agent.logged("r1", "é" * MOST_LOG_BYTES + "end", rig.now)
    assert isinstance(answer, AgentResponse)
    assert (answer.request, answer.full) == ("r1", False)
    assert answer.log is not None
    assert answer.log.endswith("éend")
    assert len(answer.log.encode()) <= MOST_LOG_BYTES


def test_a_deployment_that_waits_for_a_lease_says_so() -> None:
    rig = running(instance("a"))
    rig.tick(16)
    rig.configure(desired(2, instance("a"), instance("x", exclusive=True)))
    rig.settle(3)
    status = rig.status()
    assert (status.deployment, status.reason) == ("waiting", "no lease for x")
    assert rig.state("x")[1].startswith("it must not run twice")


def test_a_greeting_says_what_is_known_and_what_runs() -> None:
    rig = running(instance("a"), generation=7)
    actions = rig.tick(20)
    assert rig.fresh(Greet, actions) == [Greet(2, 7, 7)]


def test_that_a_generation_runs_is_told_at_once_and_once_whatever_was_told_before() -> None:
    rig = running(instance("a"), generation=1)
    rig.tick(2)
    rig.configure(desired(2, instance("a", digest="other", settle_s=0)))
    while rig.open:
        rig.answer(rig.open[0])
        rig.look()
        rig.tick(0.01)
    told = rig.of(AgentResponse)[-1]
    assert (told.full, told.observed_generation, told.deployment) == (True, 2, "done")
    before = len(rig.of(AgentResponse))
    for number in range(100):
        rig.change("a", state="unhealthy" if number % 2 else "running")
        rig.tick(0.005)
    assert len(rig.of(AgentResponse)) == before


def test_what_cannot_be_used_is_told_until_something_newer_can() -> None:
    rig = running(instance("a"))
    actions = rig.take(rig.agent.refused(3, "sealed for another", rig.now))
    why = "generation 3 cannot be used: sealed for another"
    assert [one.what for one in rig.fresh(Told, actions)] == [why]
    said = rig.status()
    assert (said.refused, said.generation, said.deployment, said.reason) == (3, 1, "failed", why)
    assert not rig.fresh(Told, rig.take(rig.agent.refused(3, "sealed for another", rig.now))), "told twice"
    rig.configure(desired(2, instance("a")))
    rig.settle(3)
    assert rig.status().refused == 3, "an older one that came late is no answer"
    rig.configure(desired(3, instance("a")))
    rig.settle(3)
    said = rig.status()
    assert (said.refused, said.deployment, said.reason) == (0, "done", "")
    rig.take(rig.agent.refused(2, "old", rig.now))
    assert rig.status().refused == 0


def test_a_camera_is_looked_at_once_and_no_more_than_three_at_a_time() -> None:
    rig = running(instance("a"))
    for number in range(LOOKS):
        (look,) = rig.fresh(LookAt, rig.command("probe", sealed="s", request=f"r{number}"))
        assert look == LookAt(f"r{number}", "s")
    assert not rig.fresh(LookAt, rig.command("probe", sealed="s", request="r1")), "it came a second time"
    (refused,) = rig.fresh(LookAt, rig.command("probe", sealed="s", request="one more"))
    assert "3 cameras are being tested here already" in refused.refused
    answers = rig.fresh(AgentResponse, rig.take(rig.agent.looked_at("one more", "no room", rig.now)))
    assert (answers[0].request, answers[0].sealed, answers[0].full) == ("one more", "no room", False)
    assert rig.take(rig.agent.looked_at("r0", "", rig.now)) == [], "what cannot be said is not"
    (look,) = rig.fresh(LookAt, rig.command("probe", sealed="s", request="another"))
    assert look.refused == "", "one came to its end"
