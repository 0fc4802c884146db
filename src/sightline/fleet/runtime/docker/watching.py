"""What running containers say and use, looked at now and then by a thread: nobody waits for it.

Promises: a life of a container that began before this one is caught up with: whether it said that it is ready
stands at the begin of its log. What cannot be told stays as it was, and the next look is the same again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from sightline.clock import NS_PER_S, Clock, ns
from sightline.errors import RuntimeFault
from sightline.fleet.runtime.cards import Cards
from sightline.fleet.runtime.docker.engine import Engine
from sightline.fleet.runtime.docker.inspecting import NOTHING, Watched
from sightline.fleet.runtime.docker.log_reading import Lines, lines_since, moment
from sightline.fleet.runtime.figures import Heard
from sightline.fleet.runtime.last_lines import LastLines, last_words

LOOK_S: Final = 2.0
SOON_S: Final = 0.5
"""While something is not ready yet."""
_FIRST_LINES: Final = 300
_MIB: Final = 1 << 20
_SETTLED_S: Final = 3.0
_SAID: Final = 50


class Life:
    """One life of a container: what it said and used."""

    def __init__(self, container: str, began_s: float, cameras: Iterable[str]) -> None:
        self.container = container
        self.began_s = began_s
        self.heard = Heard(tuple(cameras))
        self.lines = LastLines(_SAID)
        self.last = ""
        self.is_over = False
        self._ended_ns: int | None = None
        self._spent: tuple[int, int] | None = None
        self.cpu: float | None = None
        self.memory_mib: float | None = None
        self.gpu: float | None = None

    def hear(self, lines: Lines, now_ns: int) -> None:
        for stamp, line in lines:
            if stamp > self.last:
                self.last = stamp
                if self.heard.hear(line, now_ns):
                    self.lines.add(line)

    def has_settled(self, now_ns: int) -> bool:
        """Whether it is some time since this was asked first, once it had ended."""
        self._ended_ns = now_ns if self._ended_ns is None else self._ended_ns
        return now_ns - self._ended_ns >= ns(_SETTLED_S)

    def use(self, stats: Mapping[str, Any], now_ns: int) -> None:
        """As Docker gives them; a container that just ended has none."""
        spent_ns = ((stats.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage")
        memory = stats.get("memory_stats") or {}
        if isinstance(spent_ns, int):
            if self._spent is not None and now_ns > self._spent[1]:
                self.cpu = max(0, spent_ns - self._spent[0]) / (now_ns - self._spent[1])
            self._spent = spent_ns, now_ns
        if isinstance(memory.get("usage"), int):
            cached = (memory.get("stats") or {}).get("inactive_file", 0)
            self.memory_mib = max(0, memory["usage"] - cached) / _MIB


class Watching:
    """Lives by their `run`; see `inspecting.run_of`. Any thread may ask."""

    def __init__(self, engine: Engine, changed: Callable[[], object], clock: Clock) -> None:
        self._engine = engine
        self._changed = changed
        self._clock = clock
        self._cards = Cards(clock)
        self._lock = threading.Lock()
        self._lives: dict[str, Life] = {}
        self._closed = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sightline-docker-watch", daemon=True)
        self._thread.start()

    def only(self, lives: Mapping[str, Callable[[], Life]]) -> None:
        """Those that there are now: new ones are made, and others forgotten."""
        with self._lock:
            new = lives.keys() - self._lives.keys()
            self._lives = {run: self._lives.get(run) or made() for run, made in lives.items()}
        if new:
            self._woken.set()

    def add(self, run: str, life: Life) -> None:
        """One that just began."""
        with self._lock:
            self._lives.setdefault(run, life)
        self._woken.set()

    def last_look(self, run: str) -> None:
        """It ended: what it said last is heard, which is there a moment after Docker says that it ended."""
        with self._lock:
            life = self._lives.get(run)
        if life is not None and not life.is_over:
            with suppress(RuntimeFault):
                self._hear(life)
                life.is_over = life.has_settled(self._clock.monotonic_ns())

    def of(self, run: str) -> Watched:
        with self._lock:
            life = self._lives.get(run)
            if life is None:
                return NOTHING
            return Watched(
                ready=life.heard.ready,
                trouble=life.heard.trouble(self._clock.monotonic_ns()),
                last_words=last_words(life.lines.last(_SAID)),
                cameras=life.heard.cameras(),
                cpu=life.cpu,
                memory_mib=life.memory_mib,
                gpu=life.gpu,
            )

    def close(self) -> None:
        self._closed.set()
        self._woken.set()
        self._thread.join(2 * LOOK_S)

    def _run(self) -> None:
        while not self._closed.is_set():
            with self._lock:
                lives = [life for life in self._lives.values() if not life.is_over]
            for life in lives:
                if not self._closed.is_set():
                    self._look(life)
            soon = any(not life.heard.ready for life in lives)
            self._woken.wait(SOON_S if soon else LOOK_S)
            self._woken.clear()

    def _look(self, life: Life) -> None:
        with suppress(RuntimeFault):  # whoever asks it for what it runs tells of that
            self._hear(life)
            stats = self._engine.ask(
                "figures", lambda client: client.stats(life.container, stream=False, one_shot=True)
            )
            used = self._cards.used_by(self._pids(life)) if self._cards else None
            with self._lock:
                life.use(stats, self._clock.monotonic_ns())
                life.gpu = used

    def _pids(self, life: Life) -> list[int]:
        """Its processes, by the machine's numbers."""
        told = self._engine.ask("processes", lambda client: client.top(life.container, ps_args="-eo pid"))
        return [int(row[0]) for row in told.get("Processes") or () if row and row[0].isdigit()]

    def _hear(self, life: Life) -> None:
        lines = self._lines(life)
        with self._lock:
            before = life.heard.ready
            life.hear(lines, self._clock.monotonic_ns())
            became_ready = life.heard.ready and not before
        if became_ready:
            self._changed()

    def _lines(self, life: Life) -> Lines:
        if life.last:
            return lines_since(self._engine, life.container, moment(life.last))
        began_s = life.began_s
        head = lines_since(self._engine, life.container, began_s, for_s=120)
        tail = lines_since(self._engine, life.container, began_s, most=_FIRST_LINES)
        forgotten = not head and self._clock.utc_ns() / NS_PER_S - began_s > 120 and bool(tail)
        life.heard.ready = life.heard.ready or forgotten
        return [*head, *(line for line in tail if not head or line[0] > head[-1][0])]
