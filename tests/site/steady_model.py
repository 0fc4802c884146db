"""A user's model that takes a little while, always the same."""

import time
from collections.abc import Sequence

from sightline import Detection, Frame


class Steady:
    name, version = "steady", "1"

    def load(self) -> None: ...

    def warm_up(self) -> None: ...

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        time.sleep(0.02)
        return [() for _ in frames]

    def close(self) -> None: ...
