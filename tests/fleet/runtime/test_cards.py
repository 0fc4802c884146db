"""What graphics cards do for whom, told by a library that stands in for NVIDIA's: there is no card here."""

from typing import NamedTuple

from sightline.fleet.runtime.cards import Cards
from sightline.testing import ManualClock


class Sample(NamedTuple):
    pid: int
    timeStamp: int  # noqa: N815 - as NVML calls it
    smUtil: int  # noqa: N815


class Nvml:
    """Two cards; the first one has a past."""

    class NVMLError(Exception):
        pass

    def __init__(self) -> None:
        self.samples = {0: [Sample(7, 10, 90), Sample(7, 20, 40), Sample(8, 20, 5)], 1: [Sample(7, 15, 30)]}
        self.asked: list[tuple[int, int]] = []

    def nvmlInit(self) -> None: ...  # noqa: N802

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.samples)

    def nvmlDeviceGetHandleByIndex(self, place: int) -> int:  # noqa: N802
        return place

    def nvmlDeviceGetProcessUtilization(self, card: int, since: int) -> list[Sample]:  # noqa: N802
        self.asked.append((card, since))
        found = [sample for sample in self.samples[card] if sample.timeStamp > since]
        if not found:
            raise self.NVMLError("not found")
        return found


class NoCards(Nvml):
    def nvmlInit(self) -> None:  # noqa: N802
        raise self.NVMLError("no driver")


def test_cards_in_use_are_the_newest_samples_of_all_cards() -> None:
    cards = Cards(ManualClock(), Nvml())
    assert cards.used_by({7}) == 0.7
    assert cards.used_by({8, 9}) == 0.05
    assert cards.used_by(()) == 0


def test_cards_are_looked_at_every_two_seconds_and_idle_ones_are_idle() -> None:
    clock, nvml = ManualClock(), Nvml()
    cards = Cards(clock, nvml)
    cards.used_by({7})
    clock.move(1)
    cards.used_by({7})
    assert nvml.asked == [(0, 0), (1, 0)]
    clock.move(1)
    assert cards.used_by({7}) == 0
    assert nvml.asked[2:] == [(0, 20), (1, 15)]


def test_without_a_card_there_is_no_figure() -> None:
    cards = Cards(ManualClock(), NoCards())
    assert not cards
    assert cards.used_by({7}) is None
