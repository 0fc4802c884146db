"""A script as the document of PipeRT2 lists it, which runs and is asked for things from outside."""

import threading
from pathlib import Path

from tests.pipe.script import begin_script

DONE_S = 60

PIPE = """
import logging
import time
from sightline.pipe import APIWrapper, Pipe, RPCPipeWrapper, Routine, events, get_socket_logger

class SomeRoutine(Routine):
    def main_logic(self, data=None):
        time.sleep(0.01)

    @events("CUSTOM_EVENT_NAME")
    def some_func(self, param1="none", param2="none"):
        print(self.name, param1, param2, flush=True)

    @events("SHOUT")
    def shout(self):
        self.logger.info("shouted")
        self.logger.debug("whispered")

def fill(pipe):
    pipe.create_flow("example_flow", True, SomeRoutine("some_routine"), SomeRoutine("other_routine"))
    pipe.build()
"""


class Script:
    """It runs until it ends by itself; `lines` is what it printed so far."""

    def __init__(self, folder: Path, text: str, environ: dict[str, str] | None = None) -> None:
        self.lines: list[str] = []
        self.process = begin_script(folder, PIPE + text, environ)
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def printed(self, *lines: str) -> bool:
        return {*lines} <= {*self.lines}

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        code = self.process.wait(DONE_S)
        self._reading.join(DONE_S)
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reading.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
