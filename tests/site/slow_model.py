"""A user's model that takes its time."""

import logging
import sys
import time
from collections.abc import Sequence

from sightline import Detection, Frame


class Slow:
    name, version = "slow", "1"

    def load(self) -> None: ...

    def warm_up(self) -> None: ...

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        time.sleep(0.3)
        return [() for _ in frames]

    def close(self) -> None: ...


class FourSeconds(Slow):
    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        time.sleep(4)
        return [() for _ in frames]


class SlowToLoad(Slow):
    def load(self) -> None:
        time.sleep(60)


class Stuck(Slow):
    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        print("stuck", flush=True)
        time.sleep(600)
        return []


class Talkative(Slow):
    def load(self) -> None:
        print("loading")
        sys.stderr.write("with password=Petunia-77\n")
        logging.getLogger("a.library").warning("of old weights")
