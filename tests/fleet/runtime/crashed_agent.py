"""An agent to be killed: it begins an exclusive instance and one that is not, and writes a lease of two
seconds for as long as it lives.

    python crashed_agent.py STATE ADDRESS NODE PREFIX SHARE...
"""

import sys
import time
from pathlib import Path

from sightline.fleet.runtime.conformance import PROGRAMS, Program
from sightline.fleet.runtime.docker.containers import DockerSettings
from sightline.fleet.runtime.docker.guard import begin_guard
from sightline.fleet.runtime.docker.runtime import DockerRuntime
from sightline.fleet.runtime.lease import lease_for, write_lease
from sightline.fleet.runtime.promise import RunSpec

LEASE_S = 2.0


def main(state: Path, address: str, node: str, prefix: str, *places: str) -> None:
    shares = [Path(each) for each in places]
    settings = DockerSettings(
        node=node,
        prefix=prefix,
        address=address,
        image="python:light",
        shares=shares,
    )
    runtime = DockerRuntime(settings)
    lease(state, address, node, prefix)
    begin_guard(state)
    for name in ("exclusive", "free"):
        runtime.begin(
            RunSpec(
                name=name, digest="d", exclusive=name == "exclusive", command=("-c", PROGRAMS[Program.RUNS])
            )
        )
    print("running", flush=True)
    while True:
        lease(state, address, node, prefix)
        time.sleep(LEASE_S / 10)


def lease(state: Path, address: str, node: str, prefix: str) -> None:
    write_lease(state, lease_for(LEASE_S, node=node, prefix=prefix, address=address))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
