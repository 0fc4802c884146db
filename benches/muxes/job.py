"""What a contender is told, and what it tells: by files of a folder and lines of its standard input."""

from __future__ import annotations

import importlib
import json
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

IDLE_S: Final = 2.0
"""When nothing came for so long after the feeder was done, it is over."""


class Job:
    """`cameras` are read from `raw_<camera>`, results go to `stream_<camera>`; `rate` pictures a second."""

    def __init__(
        self,
        *,
        folder: str,
        servers: str,
        cameras: list[str],
        rate: float,
        width: int,
        height: int,
        variant: str = "",
    ) -> None:
        self.servers, self.cameras, self.rate = servers, cameras, rate
        self.width, self.height, self.variant = width, height, variant
        self.fed = threading.Event()
        self._folder = Path(folder)
        self._shown: list[tuple[int, int, int, bytes]] = []
        self._cpu_s = 0.0

    @classmethod
    def told(cls, text: str) -> Job:
        return cls(**json.loads(text))

    def begin(self) -> None:
        """Says that it is ready, and returns once the feeder begins; CPU counts from there."""
        (self._folder / "ready").touch()
        sys.stdin.readline()
        threading.Thread(target=self._wait_for_the_feeder, daemon=True).start()
        self._cpu_s = _cpu_s()

    def show(self, camera: str, index: int, picture: Any) -> int:
        """Keeps what tells a picture apart. Gives its number, which its result carries."""
        print_of_it = np.ascontiguousarray(picture[::STEP_Y, ::STEP_X]).tobytes()
        self._shown.append((time.time_ns(), self.cameras.index(camera), index, print_of_it))
        return len(self._shown) - 1

    def end(self, **figures: float) -> None:
        """Leaves what it kept. What is counted ends here."""
        cpu_s = _cpu_s() - self._cpu_s
        when, camera, place, prints = zip(*self._shown, strict=True) if self._shown else ((), (), (), ())
        np.savez(
            self._folder / "shown.npz",
            when=np.array(when, np.int64),
            camera=np.array(camera, np.int64),
            place=np.array(place, np.int64),
            prints=np.frombuffer(b"".join(prints), np.uint8).reshape(
                len(prints), len(prints[0]) if prints else 0
            ),
        )
        told = self._folder / "told.json"
        draft = told.with_suffix(".part")
        draft.write_text(json.dumps({"cpu_s": cpu_s, **figures}))
        draft.replace(told)

    def _wait_for_the_feeder(self) -> None:
        sys.stdin.readline()
        self.fed.set()


STEP_Y: Final = 45
STEP_X: Final = 40
"""Of 1080p these leave 24 by 48 pixels, which are not the same in any two pictures of the clip."""


def result(number: int) -> dict[str, Any]:
    """What a model would say of a picture."""
    return {"n": number, "boxes": [[0.1, 0.2, 0.3, 0.4, 0.9, "person"]] * 4}


def module(name: str) -> Any:
    """A package that only the peer's environment holds."""
    return importlib.import_module(name)


def _cpu_s() -> float:
    """Of all threads of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
