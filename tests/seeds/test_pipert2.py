"""What the document of PipeRT2 shows a user typing works here, with the import lines changed.

Each listing is a script, which runs as such: without a main guard. Each answer of its FAQ and each form of an
event has a test in pipes of this process.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.pipe.lines import Lines
from tests.seeds.spoken import (
    DONE_S,
    Faulty,
    Frail,
    Labelled,
    MakePipe,
    Numbers,
    Odd,
    SomeRoutine,
    Tell,
    reported,
    run_to_its_end,
    sent,
)

from sightline.errors import ConfigError
from sightline.pipe import (
    KILL_EVENT_NAME,
    START_EVENT_NAME,
    STOP_EVENT_NAME,
    BasicTransmitter,
    DataTransmitter,
    FileTransmitter,
    Pipe,
    SharedMemoryTransmitter,
    Wire,
)

SCRIPT_S = 60

EXAMPLE = """
import time
from sightline.pipe import DestinationRoutine, Pipe, QueueNetwork, Routine, SourceRoutine, Wire, events
from sightline.pipe.event_names import KILL_EVENT_NAME, START_EVENT_NAME

class GenerateData(SourceRoutine):
    def main_logic(self) -> dict:
        time.sleep(0.001)
        return {"value": "a value"}

class PrintResult(DestinationRoutine):
    def main_logic(self, data: dict) -> None:
        print(data["value"], flush=True)

example_pipe = Pipe()
generate_data_routine = GenerateData()
print_result_routine = PrintResult()
"""
WIRED = 'example_pipe.create_flow("example_flow", True, generate_data_routine, print_result_routine)\n'
LINKED = """
example_pipe.create_flow("example_flow", False, generate_data_routine, print_result_routine)
example_pipe.link(Wire(source=generate_data_routine, destinations=(print_result_routine,)))
"""
WATCHED = """
while not example_pipe.stats().routines[print_result_routine.name].processed:
    time.sleep(0.01)
"""
KILL = "example_pipe.notify_event(KILL_EVENT_NAME)\n"
NAMED = '{"example_flow": [generate_data_routine.name, print_result_routine.name]}'

CUSTOM = """
class SomeRoutine(Routine):
    def __init__(self, name):
        super().__init__(name)
        self.cap = None

    def main_logic(self):
        time.sleep(0.001)
        return {"value": self.cap}

    @events("CUSTOM_EVENT_NAME")
    def some_func(self, example_param1, example_param2):
        self.cap = f"{example_param1} and {example_param2}"

some_routine = SomeRoutine("some_routine")
example_pipe.create_flow("example_flow", True, some_routine, print_result_routine)
example_pipe.notify_event(
    "CUSTOM_EVENT_NAME", {"example_flow": ["some_routine"]},
    example_param1="some_value1", example_param2="some_value2",
)
"""

KINDS = """
from sightline.pipe import START_EVENT_NAME, Data, Pipe, QueueNetwork, Routine, dataclass

@dataclass
class Number(Data):
    number: int

class First(Routine):
    def setup(self):
        self.left = [3, 2, 1]

    def main_logic(self) -> Data:
        if not self.left:
            raise StopIteration
        return Number(self.left.pop())

class Second(Routine):
    def main_logic(self, data: Data) -> Data:
        data.additional_data["square"] = data.number ** 2
        return data

class Third(Routine):
    def setup(self):
        self.file = open("squares.txt", "w")

    def main_logic(self, data: Data) -> None:
        self.file.write(f"{data.number}: {data.additional_data['square']}; ")

    def cleanup(self):
        self.file.close()

example_pipe = Pipe(network=QueueNetwork(put_block=True))
example_pipe.create_flow("example_flow", True, First(), Second(), Third())
example_pipe.build()
example_pipe.notify_event(START_EVENT_NAME)
example_pipe.join()
print(open("squares.txt").read())
"""

RunScript = Callable[[str], set[str]]


@pytest.fixture
def run(tmp_path: Path) -> RunScript:
    """Runs a script in a folder of its own, without a word on standard error; the lines that it printed."""

    def run(text: str) -> set[str]:
        (tmp_path / "script.py").write_text(text)
        done = subprocess.run(
            [sys.executable, "script.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=SCRIPT_S,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return set(done.stdout.splitlines())

    return run


# The listings.


@pytest.mark.parametrize("flow", [WIRED, LINKED], ids=["wired", "linked"])
def test_a_first_pipe_prints_what_it_generates(run: RunScript, flow: str) -> None:
    started = "example_pipe.build()\nexample_pipe.notify_event(START_EVENT_NAME)\n"
    assert run(EXAMPLE + flow + started + WATCHED + KILL) == {"a value"}


def test_a_first_pipe_ends_also_where_kill_comes_at_once(run: RunScript) -> None:
    text = EXAMPLE + WIRED + "example_pipe.build()\nexample_pipe.notify_event(START_EVENT_NAME)\n" + KILL
    assert run(text) <= {"a value"}


@pytest.mark.parametrize("targets", ['{"example_flow": []}', NAMED], ids=["flow", "routines"])
def test_flows_and_routines_are_started_by_name(run: RunScript, targets: str) -> None:
    started = f"example_pipe.build()\nexample_pipe.notify_event(START_EVENT_NAME, {targets})\n"
    assert run(EXAMPLE + WIRED + started + WATCHED + KILL) == {"a value"}


def test_the_three_kinds_of_main_logic_with_setup_and_cleanup(run: RunScript) -> None:
    assert run(KINDS) == {"1: 1; 2: 4; 3: 9; "}


def test_a_custom_event_before_start_is_handled_before_the_first_message(run: RunScript) -> None:
    started = "example_pipe.build()\nexample_pipe.notify_event(START_EVENT_NAME)\n"
    assert run(EXAMPLE + CUSTOM + started + WATCHED + KILL) == {"some_value1 and some_value2"}


def test_a_pipe_that_is_never_built_runs_nothing_and_holds_nobody_up(run: RunScript) -> None:
    assert run(EXAMPLE + CUSTOM + "example_pipe.notify_event(START_EVENT_NAME)\n") == set()


# Events in all their forms.


@pytest.fixture
def two_flows(make: MakePipe) -> Pipe:
    """Flows `example_flow` and `other_flow`, each with `SomeRoutine`s that answer events."""
    pipe = make()
    pipe.create_flow("example_flow", True, SomeRoutine("some_routine"), SomeRoutine("another_routine"))
    pipe.create_flow("other_flow", True, SomeRoutine("third_routine"), SomeRoutine("fourth_routine"))
    pipe.build()
    return pipe


def test_events_of_the_pipe_go_to_all_to_flows_and_to_routines(two_flows: Pipe) -> None:
    notify = two_flows.notify_event
    here, there = {"some_routine", "another_routine"}, {"third_routine", "fourth_routine"}
    assert sent(notify("CUSTOM_EVENT_NAME", wait=True)) == here | there
    assert sent(notify("CUSTOM_EVENT_NAME", {"other_flow": []}, wait=True)) == there
    assert (
        sent(notify("CUSTOM_EVENT_NAME", {"other_flow": [], "example_flow": []}, wait=True)) == here | there
    )
    one, other = "some_routine", "another_routine"
    assert sent(notify("CUSTOM_EVENT_NAME", {"example_flow": [one]}, wait=True)) == {one}
    assert sent(notify("CUSTOM_EVENT_NAME", {"example_flow": [one, other]}, wait=True)) == here
    assert sent(notify("CUSTOM_EVENT_NAME", specific_flow_routines={"other_flow": []}, wait=True)) == there


def test_a_routine_sends_events_from_its_own_methods(two_flows: Pipe, log: Lines) -> None:
    targets = {"other_flow": ["third_routine"], "example_flow": []}
    sent(
        two_flows.notify_event(
            "CALL_SOME_FUNC", {"example_flow": ["some_routine"]}, targets=targets, wait=True
        )
    )
    sent(two_flows.notify_event("CUSTOM_EVENT_NAME", example_param1="behind", wait=True))
    assert log.of("other_flow.third_routine") == ["from some_routine", "behind None"]
    assert log.of("other_flow.fourth_routine") == ["behind None"]
    assert log.of("example_flow.another_routine") == ["from some_routine", "behind None"]


def test_a_routine_object_sends_events_too_once_it_is_in_a_pipe(make: MakePipe, log: Lines) -> None:
    pipe, some_routine = make(), SomeRoutine("some_routine")
    with pytest.raises(ConfigError, match="create_flow"):
        some_routine.notify_event("CUSTOM_EVENT_NAME", {"example_flow": ["some_routine"]})
    pipe.create_flow("example_flow", True, some_routine, SomeRoutine("another_routine"))
    pipe.build()
    some_routine.notify_event("CUSTOM_EVENT_NAME", {"example_flow": ["some_routine"]}, example_param1=1)
    some_routine.notify_event(event_name="CUSTOM_EVENT_NAME", routines_by_flow={"example_flow": []})
    sent(pipe.notify_event("CUSTOM_EVENT_NAME", example_param1=3, wait=True))
    assert log.of("example_flow.some_routine") == ["1 None", "None None", "3 None"]
    assert log.of("example_flow.another_routine") == ["None None", "3 None"]


def test_the_events_that_every_routine_has(make: MakePipe, log: Lines) -> None:
    pipe = make()
    pipe.create_flow("example_flow", True, Numbers("numbers"), Tell("tell"))
    pipe.build()
    both = {"numbers", "tell"}
    for _ in range(2):
        assert sent(pipe.notify_event(START_EVENT_NAME, wait=True)) == both
        assert sent(pipe.notify_event(STOP_EVENT_NAME, wait=True)) == both
    assert [line for line in log.of("example_flow.tell") if not line.isdecimal()] == ["setup", "cleanup"] * 2
    pipe.notify_event(KILL_EVENT_NAME)
    pipe.join()
    assert pipe.pids == {}


# The FAQ.


def test_nothing_returned_is_nothing_sent(make: MakePipe, log: Lines) -> None:
    pipe = make()
    pipe.create_flow("example_flow", True, Numbers("numbers", 5), Odd("odd"), Tell("tell"))
    run_to_its_end(pipe)
    assert log.of("example_flow.tell") == ["setup", "1", "3", "5", "cleanup"]
    assert pipe.stats().routines["odd"].given == 3


def test_an_exception_in_main_logic_is_told_by_the_routines_logger_and_the_next_is_taken(
    make: MakePipe, log: Lines
) -> None:
    pipe = make()
    pipe.create_flow("example_flow", True, Numbers("numbers", 3), Faulty("faulty"), Tell("tell"))
    run_to_its_end(pipe)
    assert log.of("example_flow.tell") == ["setup", "1", "3", "cleanup"]
    (told,) = log.of("example_flow.faulty")
    assert "faulty: main_logic failed" in told
    assert "ValueError: not this one" in told
    assert pipe.stats().routines["faulty"].failed == 1


def test_an_exception_in_setup_stops_the_routine_until_stop_and_start(make: MakePipe) -> None:
    pipe = make()
    pipe.create_flow("example_flow", True, Numbers("numbers", 3), Frail("frail", "setup"))
    pipe.build()
    report = reported(pipe.notify_event(START_EVENT_NAME, wait=True))
    assert report.failed == {"frail": "setup: OSError: the device is busy"}
    again = reported(pipe.notify_event(START_EVENT_NAME, {"example_flow": ["frail"]}, wait=True))
    assert again.failed == report.failed
    sent(pipe.notify_event(STOP_EVENT_NAME, {"example_flow": ["frail"]}, wait=True))
    sent(pipe.notify_event(START_EVENT_NAME, {"example_flow": ["frail"]}, wait=True))
    assert pipe.wait(DONE_S)
    assert pipe.stats().routines["frail"].processed == 3


def test_an_exception_in_cleanup_stops_the_routine_until_stop_and_start(make: MakePipe) -> None:
    pipe = make()
    pipe.create_flow("example_flow", True, Numbers("numbers"), Frail("frail", "cleanup"))
    pipe.build()
    frail = {"example_flow": ["frail"]}
    sent(pipe.notify_event(START_EVENT_NAME, wait=True))
    report = reported(pipe.notify_event(STOP_EVENT_NAME, frail, wait=True))
    assert report.failed == {"frail": "cleanup: OSError: the device is busy"}
    assert not reported(pipe.notify_event(START_EVENT_NAME, frail, wait=True)).ok
    sent(pipe.notify_event(STOP_EVENT_NAME, frail, wait=True))
    sent(pipe.notify_event(START_EVENT_NAME, frail, wait=True))


def through_two_flows(pipe: Pipe, **where: DataTransmitter) -> None:
    """Three numbers from one flow to another."""
    numbers, tell = Numbers("numbers", 3), Tell("tell")
    pipe.create_flow("first_flow", True, numbers, data_transmitter=where.get("flow"))
    pipe.create_flow("second_flow", False, tell)
    pipe.link(Wire(source=numbers, destinations=(tell,), data_transmitter=where.get("wire")))
    run_to_its_end(pipe)


@pytest.mark.parametrize(
    "transmitter",
    [
        BasicTransmitter(),
        SharedMemoryTransmitter(),
        SharedMemoryTransmitter(data_size_threshold=1),
        Labelled(""),
    ],
    ids=["basic", "shared memory", "all shared", "own"],
)
def test_data_goes_by_the_transmitter_of_the_pipe(
    make: MakePipe, log: Lines, transmitter: DataTransmitter
) -> None:
    through_two_flows(make(data_transmitter=transmitter))
    told = [line.removeprefix(": ") for line in log.of("second_flow.tell")]
    assert told == ["setup", "1", "2", "3", "cleanup"]


def test_data_goes_by_the_local_file_system(make: MakePipe, log: Lines, tmp_path: Path) -> None:
    through_two_flows(make(data_transmitter=FileTransmitter(tmp_path, data_size_threshold=1)))
    assert log.of("second_flow.tell") == ["setup", "1", "2", "3", "cleanup"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("places", "expected"),
    [(("pipe",), "pipe"), (("pipe", "flow"), "flow"), (("pipe", "flow", "wire"), "wire")],
)
def test_the_transmitter_of_a_wire_goes_before_that_of_its_flow_and_of_the_pipe(
    make: MakePipe, log: Lines, places: tuple[str, ...], expected: str
) -> None:
    ours = {place: Labelled(place) for place in places}
    through_two_flows(make(data_transmitter=ours.pop("pipe")), **ours)
    assert log.of("second_flow.tell")[1:-1] == [f"{expected}: {number}" for number in (1, 2, 3)]
