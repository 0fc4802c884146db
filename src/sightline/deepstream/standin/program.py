"""The program: a thin shell round `life.Life`.

    python -m sightline.deepstream.standin -c FILE

Exit codes and lines are those of `deepstream-app`: 0 and `App run successful` after SIGINT, 255 and `App run
failed` where a file is refused or its pipeline fails, an abort where yaml-cpp throws at a file, for nobody
catches that there. Its errors stand on the standard output, as there. SIGTERM has no handler: it ends the
program, unless that is the first process of a container, which the kernel protects from it. So a container of
either is to be stopped by SIGINT.

What it is told to do wrong is in the environment as STANDIN_FAULTS, and in a file `standin.faults` beside the
first configuration file, which is read when it appears and whenever it changes.

Deliberately not here: pictures, the keys of its terminal (`q`, `p`, `r`), several files that become several
pipelines: each of these is read and judged, and the sources of all are one list. Options of GStreamer
(`--gst-debug=3`) are taken, and without effect.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NoReturn

from sightline.deepstream.refusal import Refused
from sightline.deepstream.standin.fault_file import NAME, FaultFile
from sightline.deepstream.standin.faults import Fault, Wrong, parse_faults
from sightline.deepstream.standin.life import FAILED, Eat, End, Life, Say, Send, Sudden
from sightline.deepstream.standin.output import complain, say
from sightline.deepstream.standin.plan import Plan, Thrown, read_plan
from sightline.deepstream.standin.routes import Routes
from sightline.deepstream.standin.sending import Sender
from sightline.deepstream.standin.signals import Signals
from sightline.errors import ConfigError
from sightline.log import REDACTOR

FAULTS: Final = "STANDIN_FAULTS"
FAULTS_FILE: Final = NAME
LOOK_S: Final = 0.25
"""The longest pause between two looks at signals and the file of faults."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs it and gives the exit code."""
    options, others = _options().parse_known_args(arguments)
    unknown = [word for word in others if word.startswith("-") and not word.startswith("--gst-")]
    if unknown:  # what begins with no hyphen is passed over, as GLib's reader of options does
        return _misused(f"Unknown option {unknown[0]}")
    if options.version:
        say("deepstream-app version 0.0.0 (Sightline's stand-in: no GPU, no pictures)")
        return 0
    return StandIn(options.files, options.uris).run()


class _Options(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.exit(_misused(message))


def _misused(reason: str) -> int:
    say(f"** ERROR: <main>: {reason}")
    return FAILED


def _options() -> argparse.ArgumentParser:
    parser = _Options(
        prog="deepstream-app",
        description="Stands where deepstream-app would, without a GPU: for tests of what runs it.",
        epilog=f"example: {FAULTS}='crash at 5s' deepstream-app -c config.txt",
        allow_abbrev=False,
    )
    parser.add_argument(
        "-c", "--cfg-file", dest="files", action="append", type=Path, default=[], metavar="FILE"
    )
    parser.add_argument("-i", "--input-uri", dest="uris", action="append", default=[], metavar="URI")
    parser.add_argument("-t", "--tiledtext", action="store_true", help="taken, and without effect")
    parser.add_argument("-v", "--version", "--version-all", action="store_true")
    return parser


class StandIn:
    """One run of it. For its routes it is what they ask (`routes.Streams`), in their threads."""

    def __init__(self, files: Sequence[Path], uris: Sequence[str]) -> None:
        self._files = files
        self._uris = uris
        self._signals = Signals()
        self._lock = threading.Lock()
        self._eaten: list[bytearray] = []
        self._beside = FaultFile(files[0].parent) if files else None

    def run(self) -> int:
        began_s = time.monotonic()
        try:
            faults = (*parse_faults(os.environ.get(FAULTS, "")), *(self._told_beside() or ()))
            plan = self._planned(faults)
        except Thrown as error:
            complain(
                f"terminate called after throwing an instance of YAML::Exception\n  what():  {_safe(error)}"
            )
            os.abort()
        except (ConfigError, OSError) as error:
            return self._failed(str(error))
        with ExitStack() as closing:
            try:
                self._begin(plan, faults, began_s, closing)
            except OSError as error:
                return self._failed(f"the address of its routes, {plan.address}: {error}")
            return self._live()

    def _planned(self, faults: Sequence[Fault]) -> Plan:
        if not self._files:
            raise ConfigError("Specify config file with -c option")
        if any(fault.wrong is Wrong.REFUSE for fault in faults):
            raise Refused("told to refuse it", path=self._files[0])
        return read_plan(self._files, self._uris)

    def _begin(self, plan: Plan, faults: Sequence[Fault], began_s: float, closing: ExitStack) -> None:
        self._signals.begin()
        self._signals.heed(not any(fault.wrong is Wrong.DEAF and fault.holds(0.0) for fault in faults))
        time.sleep(max((fault.value for fault in faults if fault.wrong is Wrong.SLOW), default=0.0))
        self._life = Life(
            plan.cameras,
            perf_s=plan.perf_s,
            message_s=plan.message_s,
            faults=faults,
            began_s=began_s,
            runs_s=time.monotonic(),
        )
        self._sender = closing.enter_context(Sender(plan.brokers))
        if plan.address is not None:
            closing.callback(Routes(*plan.address, self).close)
        say("\nRuntime commands:\n\th: Print this help\n\tq: Quit\n\n\tp: Pause\n\tr: Resume\n")

    def _live(self) -> int:
        while True:
            now_s = time.monotonic()
            with self._lock:
                self._signals.heed(not self._life.deaf(now_s))
                acts = list(self._life.look(now_s))
                wait_s = self._life.wait_s(now_s)
            if self._signals.interrupted.is_set():
                say("Quitting\nApp run successful")
                return 0
            for act in acts:
                if (code := self._do(act)) is not None:
                    return code
            self._signals.interrupted.wait(min(wait_s, LOOK_S))
            self._listen()

    def _do(self, act: Say | Send | Eat | End | Sudden) -> int | None:
        """An exit code where that was the last."""
        match act:
            case Say(line):
                say(line)
            case Send(frames):
                self._sender.send(frames)
            case Eat(mib):
                self._eaten.append(bytearray(b"\1" * (mib << 20)))
            case Sudden.CRASH:
                ctypes.string_at(0)  # a real one: the first process of a container cannot signal itself
            case Sudden.HANG:
                self._hang()
            case End(code, failed):
                return self._broken(failed) if failed else code
        return None

    def _hang(self) -> None:
        with self._lock:  # so its routes do not answer either
            self._signals.heed(False)
            while True:
                time.sleep(3600)

    def _listen(self) -> None:
        try:
            if (faults := self._told_beside()) is not None:
                with self._lock:
                    self._life.tell(faults, time.monotonic())
        except (ConfigError, OSError) as error:
            complain(f"** WARN: {FAULTS_FILE}: {error}")

    def _told_beside(self) -> tuple[Fault, ...] | None:
        return self._beside.changed() if self._beside else None

    def _broken(self, reason: str) -> int:
        complain(_safe(reason))  # GStreamer's own, which the application prints there
        say("Quitting\nApp run failed")
        return FAILED

    def _failed(self, reason: str) -> int:
        say(f"** ERROR: <main>: {_safe(reason)}\nQuitting\nApp run failed")
        return FAILED

    def ready(self) -> bool:
        with self._lock:
            return self._life.ready(time.monotonic())

    def cameras(self) -> list[str]:
        with self._lock:
            return list(self._life.cameras)

    def add(self, camera: str) -> bool:
        with self._lock:
            return self._life.add(camera)

    def remove(self, camera: str) -> bool:
        with self._lock:
            return self._life.remove(camera)


def _safe(reason: object) -> str:
    return REDACTOR.text(str(reason))
