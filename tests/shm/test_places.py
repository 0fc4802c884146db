"""Which slots may be filled: the account against a model that knows who has what."""

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sightline.shm.places import Places

SLOTS = 3


@dataclass
class Filled:
    number: int
    generation: int
    held: bool = True
    sent: bool = False
    freed: bool = False

    @property
    def back(self) -> bool:
        return not self.held and (self.freed or not self.sent)


class Model(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.places = Places(SLOTS)
        self.filled: list[Filled] = []
        self.past: list[Filled] = []

    @rule()
    def take(self) -> None:
        place = self.places.take()
        if place is None:
            assert len(self.filled) == SLOTS
            return
        number, generation = place
        assert number not in {other.number for other in self.filled}
        assert all(generation > other.generation for other in self.past if other.number == number)
        self.filled.append(Filled(number, generation))

    @precondition(lambda self: any(filled.held for filled in self.filled))
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from([filled for filled in self.filled if filled.held])).sent = True

    @precondition(lambda self: any(filled.held for filled in self.filled))
    @rule(data=st.data())
    def let_go(self, data: st.DataObject) -> None:
        filled = data.draw(st.sampled_from([filled for filled in self.filled if filled.held]))
        filled.held = False
        self.places.let_go(filled.number, sent=filled.sent)
        self.move()

    @precondition(lambda self: any(filled.sent for filled in self.filled))
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        filled = data.draw(st.sampled_from([filled for filled in self.filled if filled.sent]))
        filled.freed = True
        self.places.freed(filled.number, filled.generation)
        self.move()

    @rule(number=st.integers(0, SLOTS + 1), ahead=st.sampled_from([-2, -1, 1, 2**40]))
    def free_nonsense(self, number: int, ahead: int) -> None:
        now = max((one.generation for one in self.past + self.filled if one.number == number), default=0)
        self.places.freed(number, now + ahead)

    def move(self) -> None:
        self.past += [filled for filled in self.filled if filled.back]
        self.filled = [filled for filled in self.filled if not filled.back]

    @invariant()
    def what_is_free_adds_up(self) -> None:
        assert self.places.free == SLOTS - len(self.filled)
        assert self.places.all_free is (not self.filled)


TestPlaces = Model.TestCase


def test_what_came_back_last_is_filled_first() -> None:
    places = Places(SLOTS)
    taken = [places.take() for _ in range(SLOTS)]
    assert None not in taken
    places.let_go(1, sent=False)
    assert places.take() == (1, 1)
