"""Each name that the document of PipeRT2 shows, or its package exports, is here and does what it did."""

import logging

import numpy as np
import pytest
from tests.pipe.lines import Lines
from tests.seeds.spoken import (
    DONE_S,
    Faulty,
    MakePipe,
    Numbers,
    SomeRoutine,
    Tell,
    Times,
    run_to_its_end,
    sent,
)

import sightline.pipe
from sightline.pipe import (
    FPS_MULTIPLIER,
    KILL_EVENT_NAME,
    ROUTINE_NOTIFY_DURATIONS_INTERVAL,
    START_EVENT_NAME,
    STOP_EVENT_NAME,
    BasicTransmitter,
    Data,
    EventBoard,
    FPSRoutine,
    FrameData,
    FunctionalMiddleRoutine,
    MessageHandler,
    Network,
    Pipe,
    QueueHandler,
    QueueNetwork,
    Wire,
    dataclass,
    field,
    fields,
)

SHOWN = (
    *("SourceRoutine", "MiddleRoutine", "DestinationRoutine", "Routine", "events"),
    *("APIWrapper", "RPCPipeWrapper", "get_socket_logger"),
)
EXPORTED = (
    *("dataclass", "field", "fields", "Pipe", "Wire", "Data", "FPSRoutine", "Network", "MessageHandler"),
    *("DataTransmitter", "QueueNetwork", "QueueHandler", "SharedMemoryTransmitter", "BasicTransmitter"),
    *("START_EVENT_NAME", "STOP_EVENT_NAME", "KILL_EVENT_NAME"),
    *("ROUTINE_NOTIFY_DURATIONS_INTERVAL", "FPS_MULTIPLIER"),
)


def test_all_names_are_in_the_package() -> None:
    assert {*SHOWN, *EXPORTED} <= {*sightline.pipe.__all__}
    assert (START_EVENT_NAME, STOP_EVENT_NAME, KILL_EVENT_NAME) == ("start", "stop", "kill")
    assert (ROUTINE_NOTIFY_DURATIONS_INTERVAL, FPS_MULTIPLIER) == (4, 2)


def test_data_is_a_dataclass_with_a_place_for_more() -> None:
    @dataclass
    class Frame(FrameData):
        number: int = field(default=0)

    frame = Frame(np.zeros((2, 3)), 7)
    frame.additional_data["seen"] = True
    assert isinstance(frame, Data)
    assert [one.name for one in fields(frame)] == ["additional_data", "frame", "number"]
    assert (frame.get_frame().shape, frame.number) == ((2, 3), 7)
    assert Frame(None).additional_data == {}


class Patient(Network):
    """A network of a user's own, with handlers of one kind for some routines."""

    def get_message_handler(self, routine_name: str) -> MessageHandler:
        return QueueHandler(
            routine_name, max_queue_len=4, put_block=routine_name == "patient", get_block=True, timeout=1
        )


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (QueueNetwork(), ["live 1, drop_oldest"] * 2),
        (QueueNetwork(max_queue_sizes=3, put_block=True, get_block=True, timeout=2), ["lossless 3"] * 2),
        (Patient(), ["lossless 4", "live 4, drop_oldest"]),
    ],
    ids=["as it is", "blocking", "own"],
)
def test_the_network_says_what_wires_are(network: Network, expected: list[str]) -> None:
    pipe = Pipe(network=network)
    pipe.create_flow("example_flow", True, Numbers("numbers"), Faulty("patient"), Tell("tell"))
    assert [line.split("[")[1].rstrip("]") for line in pipe.draw().splitlines() if ">" in line] == expected


def test_a_pipe_takes_all_that_it_took(make: MakePipe, log: Lines) -> None:
    board, logger = EventBoard(), log.logger()
    with Pipe(board, QueueNetwork(put_block=True), logger, BasicTransmitter(), False) as pipe:
        assert (pipe.event_board, pipe.logger) == (board, logger)
        pipe.create_flow("example_flow", True, Numbers("numbers"), Tell("tell"))
        assert pipe.get_pipe_structure() == {
            "Routines": [
                {"flow_name": "example_flow", "routine_name": "numbers", "events": []},
                {"flow_name": "example_flow", "routine_name": "tell", "events": []},
            ],
            "Events": ["start", "stop", "kill"],
        }
        pipe.build()
        assert sent(pipe.get_event_notify()("start", wait=True)) == {"numbers", "tell"}
        pipe.join(to_kill=True)
        assert pipe.pids == {}


def test_pacing_is_asked_for_as_it_was(make: MakePipe, log: Lines) -> None:
    pipe = make(auto_pacing_mechanism=True)
    pipe.create_flow("example_flow", True, Numbers("numbers", 3), Tell("tell"))
    run_to_its_end(pipe)
    assert log.of("example_flow.tell") == ["setup", "1", "2", "3", "cleanup"]


def test_routine_objects_are_started_stopped_and_unlinked(make: MakePipe) -> None:
    pipe, numbers, tell, other = make(), Numbers("numbers"), Tell("tell"), Tell("other")
    numbers.set_const_fps(fps=100)
    pipe.create_flow("example_flow", False, numbers, tell, other)
    pipe.link(Wire(source=numbers, destinations=(tell, other)))
    pipe.build()

    def states() -> dict[str, str]:
        sent(pipe.notify_event("update_fps", fps=0, wait=True))  # behind all that was sent before
        return {name: stats.state.value for name, stats in pipe.stats().routines.items()}

    tell.start()
    assert states() == {"numbers": "stopped", "tell": "running", "other": "stopped"}
    numbers.start()
    other.start()
    assert set(states().values()) == {"running"}
    other.stop()
    assert states() == {"numbers": "running", "tell": "running", "other": "stopped"}
    numbers.unlink(unlink_routine_name="other")
    assert "> other" not in pipe.draw()


def test_a_routine_writes_to_the_logger_that_it_is_given() -> None:
    routine, logger = SomeRoutine("some_routine"), logging.getLogger("of its own")
    routine.set_logger(logger)
    assert routine.logger is logger


def test_a_function_makes_a_middle_routine(make: MakePipe, log: Lines) -> None:
    pipe = make()
    twice = FunctionalMiddleRoutine(lambda data: 2 * data, name="twice")
    pipe.create_flow("example_flow", True, Numbers("numbers", 2), twice, Tell("tell"))
    run_to_its_end(pipe)
    assert log.of("example_flow.tell") == ["setup", "2", "4", "cleanup"]


def seconds_from_first_to_last(log: Lines) -> float:
    times = [float(line) for line in log.of("example_flow.tell")[1:-1]]
    assert len(times) == 5
    return times[-1] - times[0]


def test_a_routine_keeps_to_a_constant_rate(make: MakePipe, log: Lines) -> None:
    pipe, times = make(), Times("times", 5)
    assert isinstance(times, FPSRoutine)
    times.set_const_fps(20)
    pipe.create_flow("example_flow", True, times, Tell("tell"))
    run_to_its_end(pipe)
    assert seconds_from_first_to_last(log) > 3 / 20


def test_a_routine_keeps_to_a_rate_that_an_event_told(make: MakePipe, log: Lines) -> None:
    pipe = make()
    pipe.create_flow("example_flow", True, Times("times", 5), Tell("tell"))
    pipe.build()
    assert sent(pipe.notify_event("update_fps", fps=5, wait=True)) == {"times", "tell"}
    pipe.notify_event(START_EVENT_NAME)
    assert pipe.wait(DONE_S)
    assert seconds_from_first_to_last(log) > 3 / (5 * FPS_MULTIPLIER)
