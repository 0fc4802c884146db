"""What the processes of a pipe's flows print."""

from sightline.pipe import (
    START_EVENT_NAME,
    DestinationRoutine,
    Pipe,
    Policy,
    Routine,
    SourceRoutine,
    Wire,
    WireSettings,
)


class Says(SourceRoutine):
    def main_logic(self) -> str:
        print("said")
        raise StopIteration


class Counts(Routine):
    def setup(self) -> None:
        for number in range(1000):
            print(self.name, number)

    def main_logic(self, data: str | None = None) -> str | None:
        raise StopIteration


class Hears(DestinationRoutine):
    def main_logic(self, data: str) -> None: ...

    def setup(self) -> None:
        print("listening")


def test_whoever_wants_it_has_each_line_with_the_name_of_its_flow(no_leaks: None) -> None:
    lines: set[tuple[str, str]] = set()
    says, hears = Says("says"), Hears("hears")
    with Pipe(on_line=lambda flow, line: lines.add((flow, line))) as pipe:
        pipe.create_flow("left", False, says)
        pipe.create_flow("right", False, hears)
        pipe.link(Wire(says, hears, settings=WireSettings(policy=Policy.LOSSLESS)))
        pipe.build()
        pipe.notify_event(START_EVENT_NAME)
        assert pipe.wait(30)
    assert lines == {("left", "said"), ("right", "listening")}


def test_lines_that_several_routines_print_at_once_are_whole(no_leaks: None) -> None:
    lines: list[str] = []
    names = ("left", "right")
    with Pipe(on_line=lambda _flow, line: lines.append(line)) as pipe:
        pipe.create_flow("f", True, *map(Counts, names))
        pipe.build()
        pipe.notify_event(START_EVENT_NAME)
        assert pipe.wait(30)
    assert sorted(lines) == sorted(f"{name} {number}" for name in names for number in range(1000))
