"""A pipe that is served over HTTP, and curl to ask it."""

import json
import subprocess
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter, Hello

from sightline.pipe.outside.api import APIWrapper
from sightline.pipe.pipe import Pipe

MOST_S = 60
METHODS = ("GET", "POST")


class Answer(NamedTuple):
    status: int
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Curl:
    """The program, and where it asks if it is given a path."""

    def __init__(self, program: str, url: str) -> None:
        self._program = program
        self.url = url

    def __call__(self, path: str, *options: str) -> Answer:
        """Status 0: it got no answer."""
        told = ["--silent", "--globoff", "--write-out", "\n%{http_code}", "--max-time", str(MOST_S)]
        done = subprocess.run(
            [self._program, *told, *options, self.url + path],
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * MOST_S,
        )
        body, _, status = done.stdout.rpartition("\n")
        return Answer(int(status), body)

    def execute(self, path: str, method: str = "POST", extra_args: Mapping[str, Any] | None = None) -> Answer:
        data = [] if extra_args is None else ["--data", json.dumps({"extra_args": extra_args})]
        return self(path, "--request", method, *data)


class Served:
    """A pipe of two flows, and its server; `lines` is what it logged."""

    def __init__(self, program: str, *, build: bool = True, **settings: Any) -> None:
        self.lines = Lines()
        self.pipe = Pipe(logger=self.lines.logger())
        self.pipe.create_flow("a", True, Counter("count"), Collect("collect"))
        self.pipe.create_flow("b", True, Hello("hello"), Hello("höf/1 ?"))
        if build:
            self.pipe.build()
        self.api = APIWrapper(**{"host": "127.0.0.1", "port": 0, "pipe": self.pipe, **settings})
        self.api.run()
        self.curl = Curl(program, self.api.url)

    def close(self) -> None:
        self.api.close()
        self.pipe.close()


Serve = Callable[..., Served]
