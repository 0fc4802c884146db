"""The promise of a runtime: kept by processes, and by whom it is not."""

import sys
from collections.abc import Mapping

import msgspec
import pytest

from sightline.fleet.deciding.agent.desired import Found
from sightline.fleet.runtime.conformance import PROGRAMS, Program
from sightline.fleet.runtime.process.runtime import ProcessRuntime
from sightline.fleet.runtime.promise import RunSpec
from sightline.testing import check_runtime

SPECS: Mapping[Program, RunSpec] = {
    program: RunSpec(name="", digest="", command=(sys.executable, "-c", text))
    for program, text in PROGRAMS.items()
}


def test_processes_keep_the_promise(no_leaks: None) -> None:
    check_runtime(ProcessRuntime, SPECS)


class _Forgetful(ProcessRuntime):
    """Tells another digest."""

    def find(self) -> list[Found]:
        return [msgspec.structs.replace(one, digest="") for one in super().find()]


class _Chatty(ProcessRuntime):
    """Always says that something happened."""

    def wait(self, timeout_s: float) -> bool:
        super().wait(timeout_s)
        return True


class _Clinging(ProcessRuntime):
    """Ends nothing."""

    def end(self, name: str, *, at_once: bool = False) -> None: ...


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (_Forgetful, "what is found"),
        (_Chatty, "silence"),
        (_Clinging, "after its end"),
    ],
)
def test_one_that_breaks_it_is_found_out(broken: type[ProcessRuntime], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_runtime(broken, SPECS, timeout_s=5)
