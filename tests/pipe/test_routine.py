"""A routine before it runs: its name, its settings, its way to another process."""

import logging
import threading
from typing import Any

import cloudpickle
import pytest

from sightline.errors import ConfigError
from sightline.pipe.data import Data, FrameData
from sightline.pipe.fps import FPS_MULTIPLIER, FPSRoutine
from sightline.pipe.functional import FunctionalMiddleRoutine, accepts, logic_of, routine
from sightline.pipe.roles import DestinationRoutine, MiddleRoutine, SourceRoutine
from sightline.pipe.routine import Role, Routine
from sightline.pipe.settings import RoutineSettings


class Plain(Routine):
    def main_logic(self, data: int) -> int:
        return data + 1


class Forgetful(SourceRoutine):
    def __init__(self) -> None:
        self.opened = 3

    def main_logic(self) -> dict[str, int]:
        return {"value": self.opened}


class Pipe:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.heard: list[Any] = []

    def notify_event(self, event_name: str, specific_flow_routines: Any, **event_parameters: Any) -> str:
        self.heard.append((event_name, specific_flow_routines, event_parameters))
        return "told"

    def unlink(self, routine_name: str, unlink_routine_name: str) -> None:
        self.heard.append((routine_name, unlink_routine_name))


def test_two_routines_of_a_class_have_two_names() -> None:
    assert Plain().name != Plain().name
    assert Plain().name.startswith("Plain-")
    assert Plain("mine").name == "mine"


def test_a_routine_whose_init_forgets_ours_has_a_name() -> None:
    assert Forgetful().name.startswith("Forgetful-")


def test_a_routine_without_main_logic_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="main_logic"):
        SourceRoutine()  # type: ignore[abstract]


def test_classes_say_their_role() -> None:
    assert (Plain.role, SourceRoutine.role) == (None, Role.SOURCE)
    assert (MiddleRoutine.role, DestinationRoutine.role) == (Role.MIDDLE, Role.DESTINATION)
    assert issubclass(SourceRoutine, FPSRoutine)


def test_a_routine_in_a_pipe_is_carried_without_the_pipe() -> None:
    plain = Plain("plain")
    plain.join_pipe(Pipe(), "flow")  # it has a lock, which no pickle takes
    plain.set_logger(logging.getLogger("mine"))
    again = cloudpickle.loads(cloudpickle.dumps(plain))
    assert (again.name, again.flow_name, again.main_logic(1)) == ("plain", "flow", 2)
    assert again.logger is logging.getLogger("mine")
    with pytest.raises(ConfigError, match="plain is in no flow"):
        again.notify_event("E")


def test_a_name_is_carried_and_not_made_again() -> None:
    forgetful = Forgetful()
    assert cloudpickle.loads(cloudpickle.dumps(forgetful)).name == forgetful.name


def test_a_routine_reaches_its_pipe() -> None:
    pipe, plain = Pipe(), Plain("plain")
    plain.join_pipe(pipe, "flow")
    assert plain.notify_event("E", {"other": ["b"]}, speed=2) == "told"
    plain.start()
    plain.stop()
    plain.unlink("b")
    assert pipe.heard == [
        ("E", {"other": ["b"]}, {"speed": 2}),
        ("start", {"flow": ["plain"]}, {}),
        ("stop", {"flow": ["plain"]}, {}),
        ("plain", "b"),
    ]


def test_a_function_becomes_a_routine() -> None:
    @routine
    def double(data: int) -> int:
        return data * 2

    assert (double.name, double.main_logic(4)) == ("double", 8)
    assert cloudpickle.loads(cloudpickle.dumps(double)).main_logic(4) == 8


def test_a_function_becomes_a_routine_with_settings() -> None:
    @routine(name="twice", settings=RoutineSettings(batch_size=4))
    async def double(data: list[int]) -> list[int]:
        return data * 2

    assert (double.name, double.settings.batch_size) == ("twice", 4)


def test_a_routine_of_a_function_may_do_more() -> None:
    class Logged(FunctionalMiddleRoutine):
        def main_logic(self, data: int) -> int:
            return -int(self.logic(data))

    logged = Logged(lambda data: data + 1)
    assert logic_of(logged)(1) == -2
    assert logic_of(FunctionalMiddleRoutine(abs)) is abs
    with pytest.raises(ConfigError, match="expected a function, got 3"):
        FunctionalMiddleRoutine(3)  # type: ignore[arg-type]


def test_what_can_be_called_with_what() -> None:
    assert accepts(Forgetful().main_logic)
    assert not accepts(Plain().main_logic)
    assert accepts(Plain().main_logic, 1)
    assert accepts(int, 1)


def test_a_rate_of_its_own_goes_before_what_an_event_says() -> None:
    paced = FunctionalMiddleRoutine(abs)
    rates = [paced.rate_fps]
    paced.settings = RoutineSettings(rate_fps=5)
    rates.append(paced.rate_fps)
    paced.update_fps(10)
    rates.append(paced.rate_fps)
    paced.set_const_fps(3)
    rates.append(paced.rate_fps)
    paced.set_const_fps(0)
    paced.update_fps(0)
    assert [*rates, paced.rate_fps] == [None, 5, 10 * FPS_MULTIPLIER, 3, 5]
    with pytest.raises(ConfigError, match="at least 0, got -1"):
        paced.set_const_fps(-1)
    with pytest.raises(ConfigError, match="at least 0, got 'fast'"):
        paced.update_fps("fast")  # type: ignore[arg-type]


def test_data_has_a_place_for_more() -> None:
    data = FrameData(frame=[1])
    data.additional_data["seen"] = True
    assert data.get_frame() == [1]
    assert isinstance(data, Data)
    assert Data().additional_data == {}
