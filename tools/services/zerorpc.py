"""zerorpc, the client and the command that others have, in an environment of its own: it brings gevent.

Its command, of 2019, wants a name of `collections` that Python 3.10 took away: it calls, and then fails to
print the answer. `COMMAND` is that very command with this name in its place.
"""

import sys
from pathlib import Path

from tools.services.service import Service

VERSION = "0.6.3"
PLACE = Path(__file__).resolve().parents[2] / ".services" / f"zerorpc-{VERSION}"
COMMAND = """
import collections, collections.abc, sys
collections.Iterator = collections.abc.Iterator
from zerorpc.cli import main
sys.exit(main())
"""


def look() -> str | None:
    """Its Python."""
    python = PLACE / "bin" / "python"
    return str(python) if (PLACE / "bin" / "zerorpc").exists() else None


ZERORPC = Service(
    name="zerorpc",
    purpose="the client of pipes that others have",
    look=look,
    install=(
        (sys.executable, "-m", "venv", "--clear", str(PLACE)),
        (
            str(PLACE / "bin" / "python"),
            *("-m", "pip", "--disable-pip-version-check", "--quiet", "install"),
            f"zerorpc=={VERSION}",
        ),
    ),
    variable="SIGHTLINE_ZERORPC",
)
