"""Remote objects: Pyro5 (`pyro`) and zerorpc. No server: the caller connects to who answers."""

from __future__ import annotations

from typing import Any

from benches.board import Calls
from benches.roles.job import Job, module

_HELLO = "x" * 100  # Pyro5's serializer makes much more of bytes


class Echo:
    def echo(self, said: str) -> str:
        return said


def answer(job: Job) -> None:
    if job.variant == "pyro":
        pyro = module("Pyro5.api")
        daemon = pyro.Daemon(host="127.0.0.1", port=job.port)
        daemon.register(pyro.expose(Echo), "echo")
        job.ready()
        daemon.requestLoop()
    else:
        serving = module("zerorpc").Server(Echo())
        serving.bind(job.url())
        job.ready()
        serving.run()


def call(job: Job, calls: Calls) -> None:
    echo = _echo(job)
    job.wait_for_go()
    while True:
        began_ns = calls.begin()
        if echo(_HELLO) != _HELLO:
            raise ValueError("another answer than what was sent")
        calls.end(began_ns)


def _echo(job: Job) -> Any:
    if job.variant == "pyro":
        return module("Pyro5.api").Proxy(f"PYRO:echo@127.0.0.1:{job.port}").echo
    client = module("zerorpc").Client()
    client.connect(job.url())
    return client.echo
