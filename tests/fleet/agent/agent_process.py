"""`sightline agent` as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
from tests.fleet.agent.desk import STANDIN

LIMIT_S = 60.0
ROOT = Path(__file__).resolve().parents[3]
PROCESSES = f'RUNTIMES = ["process"]\ndeepstream = {json.dumps(STANDIN)}\n'


class AgentProcess:
    """One that runs, and what it said."""

    def __init__(
        self,
        url: str,
        folder: Path,
        token: str | None,
        *options: str,
        settings: str,
        program: Sequence[str] = ("sightline",),
    ) -> None:
        environ = {name: text for name, text in os.environ.items() if not name.startswith("SIGHTLINE_")}
        environ |= {"SIGHTLINE_AGENT_TOKEN": token} if token else {}
        environ |= {} if program == ("sightline",) else {"PYTHONPATH": str(ROOT)}  # a program of the tests
        folder.mkdir(exist_ok=True)
        (folder / "settings.toml").write_text(settings)
        self._output = (folder / f"output-{len([*folder.glob('output-*')])}").open("w+b")
        command = [sys.executable, "-m", *program, "agent", "--bus", url, "--state", str(folder / "state")]
        self.process = subprocess.Popen(
            [*command, *options], cwd=folder, env=environ, stdout=self._output, stderr=subprocess.STDOUT
        )

    def instances(self) -> list[psutil.Process]:
        """Those of DeepStream's stand-in below it."""
        try:
            below = psutil.Process(self.process.pid).children(recursive=True)
            return [each for each in below if "sightline.deepstream.standin" in " ".join(each.cmdline())]
        except psutil.Error:
            return []

    def said(self) -> str:
        return Path(self._output.name).read_text()

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(by)
        code = self.process.wait(LIMIT_S)
        self._output.close()
        return code
