"""Peers that may not come into our environment, each in one of its own under `bench-work/peers`.

It is made once, with the network, and made anew where what it is to hold has changed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from benches import interpreters
from benches.bench import Missing
from benches.clips import ROOT

KEPT: Final = ROOT / "bench-work" / "peers"
_PATIENCE_S: Final = 300.0


class Peer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A package that we are compared with.

    Attributes:
        name: of its environment.
        packages: pinned, installed without what they ask for.
        dependencies: installed in its stead, with all that they ask for.
        version: of the Python that it needs, `3.9`; else it runs on ours.
    """

    name: str
    packages: tuple[str, ...]
    dependencies: tuple[str, ...]
    version: str = ""

    def python(self) -> Path:
        """The interpreter that can import it. Raises Missing where it cannot be installed."""
        place = KEPT / self.name
        python, holds = place / "bin" / "python", place / "holds.json"
        wanted = msgspec.json.encode(self)
        if not (holds.exists() and holds.read_bytes() == wanted):
            shutil.rmtree(place, ignore_errors=True)
            maker = interpreters.python(self.version) if self.version else sys.executable
            self._call([str(maker), "-m", "venv", str(place)])
            pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
            self._call([*pip, *self.dependencies])
            self._call([*pip, "--no-deps", *self.packages])
            holds.write_bytes(wanted)
        return python

    def _call(self, command: Sequence[str]) -> None:
        try:
            subprocess.run(
                command,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=_PATIENCE_S,
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = str(getattr(error, "stderr", None) or error).strip().splitlines()[-1]
            raise Missing(f"the peer {' '.join(self.packages)}, which cannot be installed: {said}") from error
