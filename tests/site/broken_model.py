"""A user's model whose weights are missing."""

from collections.abc import Sequence

from sightline import Detection, Frame


class Broken:
    name, version = "broken", "1"

    def load(self) -> None:
        raise FileNotFoundError("no weights")

    def warm_up(self) -> None: ...

    def predict(self, frames: Sequence[Frame]) -> list[tuple[Detection, ...]]:
        return [() for _ in frames]

    def close(self) -> None: ...
