"""An instance made ready to be run: its files in a folder, and the `RunSpec` that says how.

    ROOT/                       0700
      .key                      what folders are named with
      SLUG/                     an instance, by its name (`naming`)
        work/                   what it runs in and may write to; stays as long as there is something in it
        3f9a77b0.../            its files for one digest
          set-.../              never changed once written (`deepstream.generating.files`)

Promises: the same digest has the same folder, whose files are put right where they were tampered with; what
is there is whole, also after a crash; files with logins are 0600. Files that the URL of a Kafka names
(certificates, a password) are seen by a container where they are. No name is made of a digest as it is: a
password is in it, and whoever sees the name in a list of processes could try guesses against it.

A worker's site is taken as it stands: a `$` in it is a dollar and no variable, so that nobody who may say
what is to run learns what is in this machine's environment. Relative paths in it, and in DeepStream's
document, begin in `work`.

Deliberately not here: what runs it, and deciding which folders are still in use: `prune` is told.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any, Final

from sightline.bus.kafka_files import TLS, files_named
from sightline.capture.address import Kind, kind
from sightline.deepstream.generating import Generated, Layout, generate
from sightline.deepstream.generating.files import Content, put
from sightline.errors import ConfigError, RuntimeFault, SightlineError
from sightline.fleet.deciding.agent.desired import DesiredInstance
from sightline.fleet.documents.secret_parts import texts
from sightline.fleet.messages.parts import FleetDsInstance, RunOptions, WorkerInstance
from sightline.fleet.runtime.naming import slug
from sightline.fleet.runtime.own_files import OwnFiles
from sightline.fleet.runtime.promise import RunSpec
from sightline.fleet.runtime.site_text import site_text
from sightline.fleet.runtime.viewed_site import ViewBus, with_view
from sightline.supervise.spec import python_module

SITE_FILE: Final = "site.yaml"
_WORK: Final = "work"
_KEY: Final = ".key"
_KEY_BYTES: Final = 32
_NAME_BYTES: Final = 16
_OURS: Final = 0o700
_RECORDINGS: Final = frozenset({Kind.FILE, Kind.SYNTHETIC, Kind.WEB})
_DEEPSTREAM_STOP_S: Final = 10.0
_WORKER_STOP_S: Final = 20.0
_EXCLUSIVE_STOP_S: Final = 3.0
"""Below `Timing.margin_s`: an end under way when the lease runs out is over before it is begun elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Programs:
    """What instances are begun with, where it is not Sightline's own Python.

    Attributes:
        deepstream: as a process: the program, and what it is given first.
        deepstream_image: in a container: what its image's own program is given before its options; nothing
            where that is `deepstream-app` itself. NVIDIA's images run what they are given, so there it is
            ("deepstream-app",).
        worker_image: likewise of a worker; nothing where it is `python -m sightline.fleet.instance`.
        layout: where NVIDIA's files are.
    """

    deepstream: Sequence[str] = ("deepstream-app",)
    deepstream_image: Sequence[str] = ()
    worker_image: Sequence[str] = ()
    layout: Layout = Layout()  # noqa: RUF009 - frozen


class Preparing:
    """Makes instances ready, in folders below `root`. Any thread may use it, one at a time for one name.

    Args:
        root: made where it is missing.
        programs: what they are begun with.
        view: where workers pass pictures on of cameras that somebody looks at; None: nowhere.

    Raises:
        RuntimeFault: the folder cannot be made.
    """

    def __init__(self, root: Path, programs: Programs | None = None, *, view: ViewBus | None = None) -> None:
        self._view = view
        self._root = root.absolute()
        self._programs = programs or Programs()
        try:
            _make(self._root)
            self._key = _key(self._root / _KEY)
        except OSError as error:
            raise RuntimeFault(f"{self._root}: expected a folder to write to: {error.strerror}") from None
        self._lock = threading.Lock()
        self._own_files = OwnFiles()

    def prepare(self, instance: DesiredInstance) -> RunSpec:
        """Its files are there when this returns.

        Raises:
            ConfigError: it cannot be made of what the document says.
            RuntimeFault: the disk refused.
        """
        try:
            match instance.payload:
                case FleetDsInstance() as payload:
                    return self._deepstream(instance, payload)
                case WorkerInstance() as payload:
                    return self._worker(instance, payload)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise RuntimeFault(f"instance {instance.name!r}: {where}{error.strerror}") from None
        kind = type(instance.payload).__name__
        raise ConfigError(f"instance {instance.name!r}: expected one of DeepStream or a worker's, got {kind}")

    def drift(self, instance: DesiredInstance) -> str:
        """Those of its files that are not as they were made, for people; "" where all are, or nobody can
        tell.
        """
        folder = self._places(instance)[1]
        try:
            return self._own_files.drift(folder, lambda: self._contents(instance))
        except (OSError, SightlineError):
            return ""

    def _contents(self, instance: DesiredInstance) -> Mapping[str, Content]:
        match instance.payload:
            case FleetDsInstance() as payload:
                return self._generated(payload, self._places(instance)[2]).contents
            case WorkerInstance() as payload:
                return self._of_worker(payload)
        return {}

    def prune(self, in_use: Iterable[tuple[str, str]]) -> None:
        """Remove files of all instances but those of these names and digests, and empty working folders.

        Name all that is there, is wanted, or is about to be begun.
        """
        kept = {(slug(name), self._folder_name(digest)) for name, digest in in_use}
        with self._lock, suppress(OSError):
            for folder in self._root.iterdir():
                if folder.is_dir() and not folder.is_symlink():
                    _prune(folder, {digest for name, digest in kept if name == folder.name})

    def _deepstream(self, instance: DesiredInstance, payload: FleetDsInstance) -> RunSpec:
        folder, work = self._folders(instance)
        made = self._generated(payload, work)
        there = made.write(folder).folder
        before = self._programs.deepstream_image if _in_container(payload.run) else self._programs.deepstream
        return RunSpec(
            **_shared(instance, payload.run, there, work),
            command=(*before, *made.command(there)[1:]),
            cameras=tuple(source.camera_id for source in payload.config.sourceconfig.sources),
            may_end=all(_may_end(source.address) for source in payload.config.sourceconfig.sources),
            environment=dict(made.environment),
            # Its password stands in a file of the instance's own.
            reads=_there(files_named(payload.config.appconfig.kafka_connection_str, TLS)),
            stop_s=_stop_s(instance, _DEEPSTREAM_STOP_S),
        )

    def _generated(self, payload: FleetDsInstance, work: Path) -> Generated:
        layout = self._programs.layout
        if not layout.relative_to.is_absolute():
            layout = replace(layout, relative_to=PurePosixPath(work))
        return generate(payload, debug=True if payload.debug else None, layout=layout)

    def _worker(self, instance: DesiredInstance, payload: WorkerInstance) -> RunSpec:
        folder, work = self._folders(instance)
        files = self._of_worker(payload)
        there = put(files, folder, "").folder
        module, environment = python_module("sightline.fleet.instance")
        in_container = _in_container(payload.run)
        before = tuple(self._programs.worker_image) if in_container else module
        return RunSpec(
            **_shared(instance, payload.run, there, work),
            command=(*before, str(there / SITE_FILE), "--folder", str(work), *_log(payload)),
            may_end=_site_may_end(payload.site),
            environment={} if in_container else environment,
            reads=_there(named for file in files.values() for named in _named_in(file)),
            stop_s=_stop_s(instance, _WORKER_STOP_S),
        )

    def _of_worker(self, payload: WorkerInstance) -> Mapping[str, Content]:
        text = site_text(with_view(payload.site, self._view), payload.run.terms)
        return {SITE_FILE: Content(text.encode(), secret=True, file=None)}

    def _folders(self, instance: DesiredInstance) -> tuple[Path, Path]:
        own, folder, work = self._places(instance)
        with self._lock:
            for each in (own, folder, work):
                _make(each)
        return folder, work

    def _places(self, instance: DesiredInstance) -> tuple[Path, Path, Path]:
        own = self._root / slug(instance.name)
        return own, own / self._folder_name(instance.digest), own / _WORK

    def _folder_name(self, digest: str) -> str:
        name = blake2b(digest.encode(errors="surrogatepass"), key=self._key, digest_size=_NAME_BYTES)
        return name.hexdigest()


def _log(payload: WorkerInstance) -> tuple[str, ...]:
    return ("--log-level", "debug") if payload.debug else ()


def _shared(instance: DesiredInstance, run: RunOptions, folder: Path, work: Path) -> dict[str, Any]:
    return {
        "name": instance.name,
        "digest": instance.digest,
        "generation": instance.generation,
        "exclusive": instance.exclusive,
        "image": run.image,
        "network": run.network,
        "limits": run.limits,
        "folder": folder,
        "work": work,
    }


def _named_in(file: Content) -> Iterator[Path]:
    """By a site, whose text is JSON (`site_text`)."""
    for text in texts(json.loads(file.data)):
        yield from files_named(text)


def _there(named: Iterable[Path]) -> tuple[Path, ...]:
    """Those of them that are plain files here: Docker would make a folder of what is not there."""
    return tuple(sorted({path for path in named if path.is_absolute() and path.is_file()}))


def _stop_s(instance: DesiredInstance, most_s: float) -> float:
    return min(most_s, _EXCLUSIVE_STOP_S) if instance.exclusive else most_s


def _site_may_end(site: Mapping[str, Any]) -> bool:
    """Whether it is done at some time: all that it looks at are recordings, played once."""
    cameras = site.get("cameras")
    listed = cameras.values() if isinstance(cameras, Mapping) else ()
    return all(
        _may_end(one.get("url")) and not one.get("loop") if isinstance(one, Mapping) else _may_end(one)
        for one in listed
    )


def _may_end(url: object) -> bool:
    try:
        return kind(str(url)) in _RECORDINGS
    except ConfigError:
        return False


def _in_container(run: RunOptions) -> bool:
    return run.runtime == "docker"


def _make(folder: Path) -> None:
    """One that nobody else may enter, also where it was there."""
    folder.mkdir(mode=_OURS, parents=True, exist_ok=True)
    folder.chmod(_OURS)


def _key(path: Path) -> bytes:
    """Raises OSError."""
    with suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
    # One that was cut short by a crash names folders as well as any.
    return path.read_bytes()[:_KEY_BYTES]


def _prune(folder: Path, kept: Collection[str]) -> None:
    for each in folder.iterdir():
        if each.name == _WORK:
            with suppress(OSError):  # there is something in it, which is the user's
                if not kept:
                    each.rmdir()
        elif each.name not in kept:
            shutil.rmtree(each, ignore_errors=True)
    if not kept:
        with suppress(OSError):
            folder.rmdir()
