"""The promise of a runtime as a suite that any passes; `sightline.testing` shows it to the public.

It uses what `Runtime` says and nothing else, with programs that whoever asks for the check gives it: a
container needs an image that has them. It does not measure speed, and does not break engines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from sightline.errors import Closed, RuntimeFault, Unsupported
from sightline.fleet.deciding.agent.desired import Found
from sightline.fleet.messages.parts import Limits
from sightline.fleet.runtime.promise import Feature, RunSpec, Runtime

T = TypeVar("T")
MakeRuntime: TypeAlias = Callable[[], Runtime]

_MOMENT_S: Final = 0.3
_STOP_S: Final = 1.0
_SECRET: Final = "c0nf0rmance"  # noqa: S105 - it is to be hidden


class Program(StrEnum):
    """What a program does. Each says `Pipeline running` on a line once it runs, but for those that end."""

    RUNS = "runs"
    """Runs until it gets its stop signal, SIGINT; then ends."""
    DEAF = "deaf"
    """Runs, and takes no signal."""
    ENDS = "ends"
    """Ends at once with exit code 0."""
    FAILS = "fails"
    """Says `** ERROR: no camera at rtsp://me:c0nf0rmance@host/`, then ends with exit code 3."""
    COUNTS = "counts"
    """Says `line 0` to `line 49`, and runs."""


PROGRAMS: Final[Mapping[Program, str]] = {
    Program.RUNS: "import time\nprint('Pipeline running', flush=True)\ntime.sleep(3600)",
    Program.DEAF: (
        "import signal, time\n"
        "for each in (signal.SIGINT, signal.SIGTERM): signal.signal(each, signal.SIG_IGN)\n"
        "print('Pipeline running', flush=True)\n"
        "while True: time.sleep(3600)"
    ),
    Program.ENDS: "print('done', flush=True)",
    Program.FAILS: (
        f"import sys\nprint('** ERROR: no camera at rtsp://me:{_SECRET}@host/', flush=True)\nsys.exit(3)"
    ),
    Program.COUNTS: (
        "import time\nfor number in range(50): print('line', number, flush=True)\n"
        "print('Pipeline running', flush=True)\ntime.sleep(3600)"
    ),
}
"""Each as a text that Python runs (`python -c`), for who has no better."""


def check_runtime(make: MakeRuntime, specs: Mapping[Program, RunSpec], *, timeout_s: float = 30.0) -> None:
    """Holds a runtime to its promise.

    Args:
        make: gives a new one of the same agent each time; all are closed here.
        specs: how each program is run; names and digests are given here.
        timeout_s: how long something may take that has to come.

    Raises:
        AssertionError: a promise is broken; a note says which check found it.
    """
    for check in _CHECKS:
        try:
            with ExitStack() as open_until:
                trial = Trial(make, specs, timeout_s, open_until)
                try:
                    check(trial)
                finally:
                    trial.clean()
        except Exception as error:
            error.add_note(f"found by check_runtime: {check.__name__}")
            raise


@dataclass
class Trial:
    """What a check works with."""

    make: MakeRuntime
    specs: Mapping[Program, RunSpec]
    timeout_s: float
    open_until: ExitStack
    made: list[Runtime] = field(default_factory=list)

    def runtime(self) -> Runtime:
        self.made.append(self.open_until.enter_context(self.make()))
        return self.made[-1]

    def spec(self, program: Program, name: str = "one", *, digest: str = "d1", **more: Any) -> RunSpec:
        return msgspec.structs.replace(self.specs[program], name=name, digest=digest, **more)

    def wait(self, condition: Callable[[], T], what: str) -> T:
        until = time.monotonic() + self.timeout_s
        while not (answer := condition()):
            if time.monotonic() > until:
                raise AssertionError(f"expected {what} within {self.timeout_s:g} s")
            time.sleep(0.05)
        return answer

    def becomes(self, runtime: Runtime, state: str, name: str = "one") -> Found:
        def so() -> Found | None:
            return next((one for one in runtime.find() if (one.name, one.state) == (name, state)), None)

        found = self.wait(so, f"{name!r} to become {state!r}")
        assert found is not None
        return found

    def clean(self) -> None:
        if self.made:
            try:
                for found in self.made[-1].find():
                    self.made[-1].end(found.name, at_once=True)
            except (RuntimeFault, Closed):
                pass


def expect(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {found!r}")


@contextmanager
def expect_error(kind: type[Exception], what: str) -> Iterator[None]:
    try:
        yield
    except kind:
        return
    raise AssertionError(f"{what}: expected {kind.__name__}, and nothing was raised")


# The checks


def what_begins_is_found_as_it_was_asked_for(trial: Trial) -> None:
    runtime = trial.runtime()
    expect(runtime.find(), [], "at first")
    runtime.begin(trial.spec(Program.RUNS, "Hof Süd / 2", exclusive=True))
    found = trial.becomes(runtime, "running", "Hof Süd / 2")
    expect((found.digest, found.exclusive, found.drift, found.reason), ("d1", True, "", ""), "what is found")
    expect(found.run != "", True, "a name of its life")


def what_ends_is_gone_when_that_returns(trial: Trial) -> None:
    runtime = trial.runtime()
    runtime.begin(trial.spec(Program.RUNS))
    trial.becomes(runtime, "running")
    runtime.end("one")
    expect(runtime.find(), [], "after its end")
    expect(runtime.log("one", 10), [], "its log")


def to_end_what_is_not_there_does_nothing(trial: Trial) -> None:
    runtime = trial.runtime()
    runtime.end("nobody")
    runtime.end("nobody", at_once=True)
    runtime.begin(trial.spec(Program.ENDS))
    runtime.end("one")
    runtime.end("one")
    expect(runtime.find(), [], "after its end")


def one_of_the_same_name_is_replaced(trial: Trial) -> None:
    runtime = trial.runtime()
    runtime.begin(trial.spec(Program.RUNS))
    before = trial.becomes(runtime, "running")
    runtime.begin(trial.spec(Program.RUNS, digest="d2"))
    after = trial.becomes(runtime, "running")
    expect([one.digest for one in runtime.find()], ["d2"], "what is there")
    expect(after.run == before.run, False, "the same life")


def each_begin_is_another_life(trial: Trial) -> None:
    runtime = trial.runtime()
    runs = set()
    for _ in range(3):
        runtime.begin(trial.spec(Program.RUNS))
        runs.add(trial.becomes(runtime, "running").run)
    expect(len(runs), 3, "lives")


def others_are_left_alone(trial: Trial) -> None:
    runtime = trial.runtime()
    for name in ("b", "a", "a-b"):
        runtime.begin(trial.spec(Program.RUNS, name))
    lives = {name: trial.becomes(runtime, "running", name).run for name in ("a", "b", "a-b")}
    expect([one.name for one in runtime.find()], ["a", "a-b", "b"], "sorted by name")
    runtime.end("a")
    expect({one.name: one.run for one in runtime.find()}, {k: lives[k] for k in ("b", "a-b")}, "the others")


def what_is_deaf_is_killed_when_its_time_is_over(trial: Trial) -> None:
    runtime = trial.runtime()
    for at_once, stop_s in ((False, _STOP_S), (True, 3600.0)):
        runtime.begin(trial.spec(Program.DEAF, stop_s=stop_s))
        trial.becomes(runtime, "running")
        began = time.monotonic()
        runtime.end("one", at_once=at_once)
        took_s = time.monotonic() - began
        expect(runtime.find(), [], "after it was killed")
        expect(took_s < _STOP_S + trial.timeout_s, True, f"killed in time, not after {took_s:.1f} s")


def what_ended_by_itself_says_how(trial: Trial) -> None:
    runtime = trial.runtime()
    runtime.begin(trial.spec(Program.ENDS, exclusive=True, may_end=True))
    expect(trial.becomes(runtime, "exited").code, 0, "exit code")
    runtime.begin(trial.spec(Program.ENDS, exclusive=True))
    expect(trial.becomes(runtime, "failed").code, 0, "exit code of what is not to end")
    runtime.begin(trial.spec(Program.FAILS, exclusive=True))
    found = trial.becomes(runtime, "failed")
    expect(found.code, 3, "exit code")
    told = trial.wait(
        lambda: next((one for one in runtime.find() if "no camera" in one.reason), None), "its last words"
    )
    assert told is not None
    expect("exit code 3" in told.reason, True, f"its code in {told.reason!r}")
    expect(_SECRET in told.reason, False, "a password in the reason")


def the_last_lines_are_there_and_without_secrets(trial: Trial) -> None:
    runtime = trial.runtime()
    runtime.begin(trial.spec(Program.COUNTS))
    trial.becomes(runtime, "running")
    expected = ["line 48", "line 49", "Pipeline running"]
    trial.wait(lambda: runtime.log("one", 3) == expected, "its last three lines")
    expect(runtime.log("one", 0), [], "no lines")
    expect(runtime.log("nobody", 5), [], "of nobody")
    runtime.begin(trial.spec(Program.FAILS, exclusive=True))
    trial.becomes(runtime, "failed")
    said = trial.wait(lambda: runtime.log("one", 10), "what it said")
    expect(_SECRET in "".join(said), False, "a password in the log")


def who_waits_is_told_of_an_end_and_of_nothing_else(trial: Trial) -> None:
    runtime = trial.runtime()
    runtime.begin(trial.spec(Program.RUNS))
    trial.becomes(runtime, "running")
    trial.wait(lambda: not runtime.wait(_MOMENT_S), "silence once it is ready")
    began = time.monotonic()
    expect(runtime.wait(_MOMENT_S), False, "while nothing happens")
    expect(time.monotonic() - began >= _MOMENT_S * 0.9, True, "it waited")
    runtime.begin(trial.spec(Program.FAILS, "two", exclusive=True))
    trial.wait(lambda: runtime.wait(_MOMENT_S), "to be told of an end")
    trial.becomes(runtime, "failed", "two")


def what_outlives_is_found_by_the_next_and_other_things_are_ended(trial: Trial) -> None:
    runtime = trial.runtime()
    runtime.begin(trial.spec(Program.RUNS))
    before = trial.becomes(runtime, "running")
    runtime.close()
    runtime.close()
    after = trial.runtime()
    if Feature.OUTLIVES not in after.features:
        expect(after.find(), [], "after its end")
        return
    found = trial.becomes(after, "running")
    expect((found.run, found.digest), (before.run, "d1"), "the same life")
    after.end("one")
    expect(after.find(), [], "ended by the next")


def what_is_lacking_is_refused(trial: Trial) -> None:
    runtime = trial.runtime()
    needing: dict[Feature, dict[str, Any]] = {
        Feature.IMAGES: {"image": "no-such-image:ever"},
        Feature.NETWORKS: {"network": "no-such-network"},
        Feature.LIMITS: {"limits": Limits(memory_mib=64)},
        Feature.GPUS: {"limits": Limits(gpus=1)},
    }
    for feature, more in needing.items():
        if feature not in runtime.features:
            with expect_error(Unsupported, f"without {str(feature)!r}"):
                runtime.begin(trial.spec(Program.RUNS, **more))
    expect(runtime.find(), [], "after it was refused")


def what_cannot_be_begun_leaves_what_runs(trial: Trial) -> None:
    runtime = trial.runtime()
    runtime.begin(trial.spec(Program.RUNS))
    before = trial.becomes(runtime, "running")
    wrong: dict[Feature, dict[str, Any]] = {
        Feature.IMAGES: {"image": "no-such-image:ever"},
        Feature.NETWORKS: {"network": "no-such-network"},
    }
    for feature, more in wrong.items():
        if feature in runtime.features:
            with expect_error(RuntimeFault, f"what is missing of {str(feature)!r}"):
                runtime.begin(trial.spec(Program.RUNS, digest="d2", **more))
    expect([(one.run, one.digest) for one in runtime.find()], [(before.run, "d1")], "what ran before")


def limits_are_held_to(trial: Trial) -> None:
    runtime = trial.runtime()
    if Feature.LIMITS in runtime.features:
        runtime.begin(trial.spec(Program.RUNS, limits=Limits(cpus=0.5, memory_mib=64)))
        expect(trial.becomes(runtime, "running").drift, "", "drift")


def a_closed_one_begins_nothing(trial: Trial) -> None:
    runtime = trial.runtime()
    runtime.close()
    with expect_error(Closed, "a begin after the end"):
        runtime.begin(trial.spec(Program.RUNS))
    expect(trial.runtime().find(), [], "what there is")


_CHECKS: Final = (
    what_begins_is_found_as_it_was_asked_for,
    what_ends_is_gone_when_that_returns,
    to_end_what_is_not_there_does_nothing,
    one_of_the_same_name_is_replaced,
    each_begin_is_another_life,
    others_are_left_alone,
    what_is_deaf_is_killed_when_its_time_is_over,
    what_ended_by_itself_says_how,
    the_last_lines_are_there_and_without_secrets,
    who_waits_is_told_of_an_end_and_of_nothing_else,
    what_outlives_is_found_by_the_next_and_other_things_are_ended,
    what_is_lacking_is_refused,
    what_cannot_be_begun_leaves_what_runs,
    limits_are_held_to,
    a_closed_one_begins_nothing,
)
