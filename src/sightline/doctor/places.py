"""What a site names on this machine: ports for its pages, files to be written, files to be read.

A port is taken for a moment and given back; of a file only the rights are asked for.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from sightline.doctor.finding import Finding, ok, problem
from sightline.site import Site
from sightline.site.sink_kinds import PreviewSink

_READ: Final = frozenset({"ca_file"})
"""Paths among a sink's settings that it reads; the others it writes."""


def look_at_places(site: Site) -> Iterator[Finding]:
    """Findings on what the workers of `site` name."""
    for name, worker in site.workers.items():
        for _, path in _paths(worker.model):
            yield _judge_readable(f"{name}, {worker.model.kind}", path)
        for sink in worker.sinks:
            if isinstance(sink, PreviewSink):
                yield _judge_port(f"{name}, preview", sink.host, sink.port)
            for key, path in _paths(sink):
                judge = _judge_readable if key in _READ else _judge_writable
                yield judge(f"{name}, {sink.kind}", path)


def _paths(settings: BaseModel) -> Iterator[tuple[str, Path]]:
    for key in type(settings).model_fields:
        if isinstance(path := getattr(settings, key), Path):
            yield key, path


def _judge_readable(name: str, path: Path) -> Finding:
    if os.access(path, os.R_OK):
        return ok("site", name, f"{path} can be read")
    told = f"{path} {'must not be read' if path.exists() else 'is not there'}"
    return problem("site", name, told, "put it there, readable for this user")


def _judge_writable(name: str, path: Path) -> Finding:
    """A path is made with the folders above it: what counts is the nearest of them that is there."""
    there = next(place for place in (path, *path.parents) if place.exists())
    in_the_way = there != path and not there.is_dir()
    if in_the_way or not os.access(there, os.W_OK):
        told = f"{path} cannot be written: {there} {'is a file' if in_the_way else 'is not for this user'}"
        return problem("site", name, told, "name another path, or give this user the right to write there")
    return ok("site", name, f"{path} can be written")


def _judge_port(name: str, host: str, port: int) -> Finding:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        told = f"{host} port {port} cannot be listened on: {_reason(error)}"
        return problem("site", name, told, "name another port, 0 for any free one, or end who has it")
    return ok("site", name, f"{host} port {port} is free" if port else f"{host}, any free port")


def _reason(error: OSError) -> str:
    """In the system's words alone: `create_server` adds the address, and of a name there is no number."""
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or str(error)
