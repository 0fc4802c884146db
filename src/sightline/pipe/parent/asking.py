"""Questions to flows, and the wait for what they answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import cloudpickle

from sightline.pipe.control import Ask, Rewire, Said
from sightline.pipe.parent.far_flow import FarFlow
from sightline.pipe.parent.questions import Questions
from sightline.pipe.plan import Change


class Asking:
    """Of the flows of one pipe.

    Args:
        flows: by name.
        changed: held by whoever uses flows; notified where something of them is otherwise.
        sent: called, with it held, when flows were told something.
    """

    def __init__(
        self, flows: Mapping[str, FarFlow], changed: threading.Condition, sent: Callable[[], object]
    ) -> None:
        self._flows = flows
        self._changed = changed
        self._sent = sent
        self._questions = Questions()
        self.answered = self._questions.answered
        self.gone = self._questions.gone

    def rewire(self, change: Change) -> None:
        """Have edges begin, change and end so; returns when all flows that are there do."""
        # Nobody sends to where nobody listens yet.
        for phase in (Change.first_in, Change.then_in):
            theirs = {name: phase(change, name) for name in self._flows}
            self._ask({name: partial(_rewire, each) for name, each in theirs.items() if any(each)})

    def own_stats(self, flows: Iterable[str], timeout_s: float) -> None:
        """Have them say what their routines tell of themselves."""
        self._ask(dict.fromkeys(flows, Ask), timeout_s)

    def _ask(self, questions: Mapping[str, Callable[[int], Said]], timeout_s: float | None = None) -> None:
        """Ask flows that are there, and wait until they have answered or are gone."""
        with self._changed:
            there = {name: question for name, question in questions.items() if self._flows[name].channel}
            number = self._questions.ask(there)
            for name, question in there.items():
                self._flows[name].say(question(number))
            self._sent()
            try:
                self._changed.wait_for(lambda: self._questions.settled(number), timeout_s)
            finally:
                self._questions.forget(number)


def _rewire(change: Change, number: int) -> Rewire:
    return Rewire(number, cloudpickle.dumps(change))
