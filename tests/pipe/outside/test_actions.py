"""What may be asked of a pipe from outside, of one that runs, one that is not built, and one that is over."""

import json
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter, Hello

from sightline.errors import Closed, ConfigError
from sightline.log import hide_secret
from sightline.pipe.counts.stats import PipeStats
from sightline.pipe.handlers import events
from sightline.pipe.outside import actions as of_actions
from sightline.pipe.outside.actions import Actions, Unknown
from sightline.pipe.outside.plain import plain
from sightline.pipe.pipe import Pipe

LOG = Lines()
WAIT_S = 20.0
EVERYBODYS = ["start", "stop", "kill"]


class Odd(Hello):
    """Tells things of itself that JSON does not have, and that nobody is to know."""

    def own_stats(self) -> Any:
        return {"password": "hunter2", "mean": np.float32(0.5), "worst": float("nan"), "where": {1, 2}}


@pytest.fixture(scope="module")
def pipe() -> Iterator[Pipe]:
    with Pipe(logger=LOG.logger()) as made:
        made.create_flow("a", True, Odd("a1"), Collect("a2"))
        made.create_flow("b", True, Hello("b1"), Collect("b2"))
        made.build()
        yield made


@pytest.fixture(autouse=True)
def _fresh() -> None:
    LOG.lines.clear()


@pytest.fixture
def killed() -> list[str]:
    return []


@pytest.fixture
def actions(pipe: Pipe, killed: list[str]) -> Actions:
    return Actions(pipe, on_kill=lambda: killed.append("it"))


def states(actions: Actions) -> set[str]:
    flows = actions.stats()["flows"].values()
    return {routine["state"] for flow in flows for routine in flow["routines"].values()}


def test_it_starts_and_pauses_all_routines(actions: Actions, wait_for: WaitFor) -> None:
    for ask, event, state in (
        (actions.start, "start", "running"),
        (actions.pause, "stop", "stopped"),
        (actions.start, "start", "running"),
        (actions.stop, "stop", "stopped"),
    ):
        assert ask() == {"event": event}
        wait_for(lambda: states(actions) == {state}, WAIT_S, f"all are {state}")  # noqa: B023 - called at once
    assert not [line for line in LOG.lines if "failed" in line]


def test_an_event_is_reported_to_whoever_waits_for_it(actions: Actions) -> None:
    told = actions.event("hello", params={"to": "all"}, wait_s=WAIT_S)
    assert (told["event"], sorted(told["done"]), told["failed"]) == ("hello", ["a1", "b1"], {})
    assert sorted(LOG.lines) == ["a.a1: hello all", "b.b1: hello all"]
    failed = actions.event("fail", {"a": []}, wait_s=WAIT_S)["failed"]
    assert "as asked" in failed["a1"]


@pytest.mark.parametrize(
    "how",
    [
        {"targets": {"b": []}},
        {"targets": {"b": ["b1"]}},
        {"routine": "b1"},
        {"params": {"specific_flow_routines": {"b": ["b1"]}}},
    ],
    ids=["flow", "flow and routine", "routine", "as a parameter"],
)
def test_an_event_reaches_whom_it_is_for(actions: Actions, how: dict[str, Any]) -> None:
    assert actions.event("hello", wait_s=WAIT_S, **how)["done"] == ["b1"]


@pytest.mark.parametrize(
    ("name", "how", "known"),
    [
        ("helo", {}, [*EVERYBODYS, "die", "fail", "hello", "let go"]),
        ("hello", {"targets": {"c": []}}, ["a", "b"]),
        ("hello", {"targets": {"a": ["b1"]}}, ["a1", "a2"]),
        ("hello", {"routine": "c1"}, ["a1", "a2", "b1", "b2"]),
        ("hello", {"routine": "a2"}, [*EVERYBODYS, "number", "tell", "tell got"]),
        ("helo", {"routine": "a2"}, [*EVERYBODYS, "die"]),
    ],
    ids=["event", "flow", "routine of a flow", "routine", "event of a routine", "event of nobody"],
)
def test_a_name_that_there_is_not_lists_those_that_there_are(
    actions: Actions, name: str, how: dict[str, Any], known: list[str]
) -> None:
    with pytest.raises(Unknown, match="unknown") as refused:
        actions.event(name, **how)
    assert all(one in refused.value.known for one in known if one != "let go"), refused.value.known
    assert all(one in str(refused.value) for one in refused.value.known)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"targets": ["a"]}, "expected flows by their names"),
        ({"targets": {"a": "a1"}}, "each with a list of names"),
        ({"targets": {"a": None}}, "each with a list of names"),
        ({"targets": {"a": [7]}}, "expected the name of the routine"),
        ({"routine": ["a1"]}, "expected the name of the routine"),
        ({"params": [1]}, "parameters of an event by their names"),
        ({"params": {1: 1}}, "parameters of an event by their names"),
        ({"params": {"wait": True}}, "can be called wait"),
        ({"params": {"self": 1, "event_name": "kill"}}, "can be called event_name, self"),
        ({"wait_s": -1}, "seconds to wait"),
        ({"wait_s": float("nan")}, "seconds to wait"),
        ({"wait_s": "long"}, "seconds to wait"),
        ({"wait_s": True}, "seconds to wait"),
    ],
)
def test_what_is_asked_for_wrongly_is_refused_in_words(
    actions: Actions, how: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        actions.event("hello", **how)
    assert LOG.lines == []


def test_a_name_without_end_is_not_told_back(actions: Actions) -> None:
    with pytest.raises(ConfigError, match="at most 1000 characters") as refused:
        actions.event("x" * 10_000_000)
    assert len(str(refused.value)) < 200


def test_nobody_waits_longer_than_the_bound(actions: Actions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_actions, "MOST_WAIT_S", 0.2)
    began = time.monotonic()
    told = actions.event("sleep", {"a": []}, params={"seconds": 1.5}, wait_s=3600)
    assert told["failed"] == {"a1": "no answer in time"}
    assert actions.join(timeout_s=3600) == {"over": False}
    assert time.monotonic() - began < 1.4


def test_things_are_done_by_name_and_json(actions: Actions) -> None:
    assert actions.execute("hello") == {"event": "hello"}
    assert actions.execute("hello", '{"to": "x", "specific_flow_routines": {"a": []}}') == {"event": "hello"}
    assert actions.event("hello", params={"to": "last"}, wait_s=WAIT_S)["failed"] == {}
    assert sorted(line for line in LOG.lines if line.startswith("a.")) == [
        "a.a1: hello last",
        "a.a1: hello nobody",
        "a.a1: hello x",
    ]
    assert actions.execute("join", '{"timeout_s": 0}') == {"over": False}
    assert actions.execute("join", {"timeout_s": 0}) == {"over": False}
    assert actions.execute("events") == actions.events()
    assert {"sleep", "log_data"} <= {*actions.events()}
    assert actions.execute("draw", '{"kind": "mermaid"}').startswith("flowchart")


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("hello", "{", "expected arguments as a JSON object"),
        ("hello", "[" * 100_000, "expected arguments as a JSON object"),
        ("hello", "[1]", "arguments by their names"),
        ("hello", 7, "arguments by their names"),
        ("join", '{"to_kil": true}', 'to_kil: unknown option; did you mean "to_kill"'),
        ("join", '{"to_kill": "perhaps"}', "to_kill: input should be a valid boolean"),
        ("draw", '{"kind": "oil"}', "kind: input should be 'text' or 'mermaid'"),
        ("execute", '{"name": "kill"}', "unknown event 'execute'"),
        ("_check", "{}", "unknown event '_check'"),
        ("__init__", None, "unknown event '__init__'"),
    ],
)
def test_what_cannot_be_executed_is_refused_in_words(
    actions: Actions, name: str, arguments: Any, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        actions.execute(name, arguments)


def test_an_event_of_the_pipes_own_comes_before_what_is_called_so_here() -> None:
    class Own(Hello):
        @events("stats")
        def told(self) -> None: ...

    pipe = Pipe()
    pipe.create_flow("a", True, Own("a1"), Collect("a2"))
    assert Actions(pipe).execute("stats") == {"event": "stats"}


def test_counts_go_through_json_and_back(actions: Actions, pipe: Pipe) -> None:
    told = json.loads(json.dumps(actions.stats(), allow_nan=False))
    back = msgspec.convert(told, PipeStats)
    assert back.flows["b"].pid == pipe.pids["b"]
    assert [*back.routines] == ["a1", "a2", "b1", "b2"]
    (own,) = told["flows"]["a"]["routines"]["a1"]["own"]
    assert own == {"password": "***", "mean": 0.5, "worst": None, "where": [1, 2]}


def test_metrics_are_what_prometheus_reads(actions: Actions) -> None:
    names = {family.name for family in text_string_to_metric_families(actions.metrics())}
    assert "sightline_pipe_flow_cpu_seconds" in names


def test_it_is_looked_at(actions: Actions, pipe: Pipe) -> None:
    assert actions.structure() == pipe.get_pipe_structure()
    assert actions.draw() == pipe.draw()
    assert actions.routines() == ["a1", "a2", "b1", "b2"]


def test_no_answer_and_no_error_has_a_secret() -> None:
    hide_secret("s3same")
    pipe = Pipe()
    pipe.create_flow("rtsp://me:s3same@gate/", True, Hello("s3same"), Collect("other"))
    actions = Actions(pipe)
    told = [actions.structure(), actions.draw(), actions.routines(), actions.stats(), actions.metrics()]
    with pytest.raises(Unknown) as refused:
        actions.event("hello", routine="nobody")
    assert "s3same" not in f"{told} {refused.value}"
    assert "***" in str(refused.value)


def test_kill_alone_ends_all_and_the_door(killed: list[str], wait_for: WaitFor) -> None:
    with Pipe(logger=LOG.logger()) as pipe:
        pipe.create_flow("a", True, Counter("a1"), Collect("a2"))
        pipe.create_flow("b", True, Counter("b1"), Collect("b2"))
        pipe.build()
        actions = Actions(pipe, on_kill=lambda: killed.append("it"))
        actions.start()
        actions.event("kill", {"b": []})
        wait_for(lambda: [*pipe.pids] == ["a"], WAIT_S, "flow b is no more")
        assert killed == []
        assert actions.execute("join", '{"to_kill":true}') == {"over": True}
        assert killed == ["it"]
        assert actions.kill() == {"event": "kill"}
        with pytest.raises(Closed, match="nobody takes it any more"):
            actions.start()
        assert actions.stats()["state"] == "over"


def test_who_kills_a_pipe_that_broke_ends_the_door(
    killed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Pipe(logger=LOG.logger()) as pipe:
        pipe.create_flow("a", True, Hello("a1"), Collect("a2"))
        pipe.build()
        monkeypatch.setattr(pipe.event_board, "expire", lambda _now_ns: 1 / 0)
        actions = Actions(pipe, on_kill=lambda: killed.append("it"))
        with pytest.raises(Closed, match="the pipe broke: ZeroDivisionError"):
            actions.join(to_kill=True)
        assert killed == ["it"]


def test_a_pipe_that_is_not_built_yet_keeps_what_it_is_told() -> None:
    with Pipe(logger=LOG.logger()) as pipe:
        pipe.create_flow("a", True, Hello("a1"), Collect("a2"))
        actions = Actions(pipe)
        actions.event("hello", params={"to": "early"})
        with pytest.raises(ConfigError, match="before build"):
            actions.event("hello", wait_s=1)
        assert states(actions) == {"stopped"}
        pipe.build()
        actions.event("hello", wait_s=WAIT_S)
        assert LOG.of("a.a1") == ["hello early", "hello nobody"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("-inf"), None),
        (np.int64(7), 7),
        (True, True),
        (2**64, None),
        ({1: (b"x", None)}, {"1": ["b'x'", None]}),
        (OSError("password=hunter2"), "OSError: password=***"),
    ],
)
def test_what_json_does_not_have_is_told_otherwise(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)
