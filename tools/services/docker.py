"""Containers of programs of this machine: a docker daemon of one's own, which needs no registry.

A container has its own mounts, processes, network (nothing but its own loopback) and `/dev/shm`. Its image
holds nothing but the links at the root of this machine's file system; programs are seen where they are here,
to be read only. It needs root that may mount. What is deliberately not here: building images from a
Dockerfile, anybody's daemon.
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tools.services.process import Process
from tools.services.service import Service, apt, on_path

CLIENTS = ("/usr/bin/docker", "docker")  # Debian's first: another client may come before it on the PATH
CAP_SYS_ADMIN = 1 << 21  # linux/capability.h
IMAGE = "this-machine"
ROOT = Path(__file__).resolve().parents[2]
APART = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"')


class Docker:
    """A daemon in a folder of its own, which must exist; containers end with it.

    Usable as a context manager: started on entry, stopped on exit.

    Args:
        folder: the daemon's.
        networks: containers may have networks of theirs, within one that is the daemon's alone: what they
            publish is reached from no other process.
    """

    def __init__(self, folder: Path, *, networks: bool = False) -> None:
        self._folder = folder
        # Sockets are made in it, whose paths may have 104 characters.
        self._run = Path(tempfile.mkdtemp(prefix="docker-"))
        self.address = f"unix://{self._run}/docker.sock"
        command = [*(APART if networks else ()), str(_look()), *self._settings()]
        self._crashed = False
        self._process = Process("docker", command, folder, ready=self._answers)

    def start(self) -> None:
        """Raises StartFailed where it cannot run here."""
        self._process.start()
        self.add(IMAGE)

    def add(
        self,
        name: str,
        *changes: str,
        files: Mapping[str, str] | None = None,
        owners: Mapping[str, int] | None = None,
    ) -> None:
        """An image of that name, with `changes` as lines of a Dockerfile.

        Args:
            name: and its tag.
            changes: `ENV ...`, `CMD ...` and their like.
            files: texts, by their places.
            owners: users by their folders.
        """
        lines = [f"--change={change}" for change in changes]
        self.ask("import", *lines, "-", name, data=_image(files or {}, owners or {}))

    def run(
        self, name: str, command: Sequence[str], *, shares: Sequence[Path] = (), options: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """A container of this name that runs `command`; it is gone once that has ended.

        Args:
            name: of the container.
            command: a program of this machine; modules of the checkout can be imported.
            shares: folders that can be written to, at the same place within it.
            options: more of `docker run`.

        Returns:
            Who holds its standard input and output, as pipes; and whose end is the container's.
        """
        mounts = [f"--volume={mount}" for mount in programs()]
        mounts += [f"--volume={folder}:{folder}" for folder in shares]
        once = ("--rm", "--interactive", f"--name={name}")
        alone = ("--network=none", "--ipc=private", "--read-only", f"--env=PYTHONPATH={ROOT}:{ROOT / 'src'}")
        return subprocess.Popen(
            [*self._client(), "run", *once, *alone, *mounts, *options, IMAGE, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def kill(self, name: str) -> None:
        """Ends a container as a power cut would (SIGKILL)."""
        self.ask("kill", name)

    def remove(self, name: str) -> None:
        """As `kill`, where it is there."""
        with suppress(RuntimeError):
            self.ask("rm", "--force", name)

    @property
    def pid(self) -> int | None:
        """The daemon's, None while there is none."""
        return self._process.pid

    def crash(self) -> None:
        """Ends the daemon at once (SIGKILL), not its containers."""
        self._crashed = True
        self._process.kill()

    def begin_again(self) -> None:
        """After `crash`. It ends the containers that it finds, and begins again those that are to be."""
        # Where nobody buries the dead, its containerd looks alive to it.
        (self._run / "containerd" / "containerd.pid").unlink(missing_ok=True)
        self._process.start()
        self._crashed = False

    def stop(self) -> None:
        """Ends all containers and the daemon."""
        if self._crashed:
            self.begin_again()
        if self._process.pid is not None:
            self._end()
        shutil.rmtree(self._run, ignore_errors=True)

    def _end(self) -> None:
        if running := self.ask("ps", "--quiet").split():
            self.ask("kill", *running)
        self._process.stop(timeout_s=20.0)
        # A daemon that was killed leaves its mounts to nobody.
        for place in (self._run / "netns" / "default", self._folder / "data"):
            subprocess.run(["umount", str(place)], check=False, stderr=subprocess.DEVNULL)

    def _settings(self) -> list[str]:
        """No rules, bridges or drivers of this machine are touched."""
        places = {"data-root": "data", "pidfile": "pid"}
        own = [f"--exec-root={self._run}", *(f"--{name}={self._folder / at}" for name, at in places.items())]
        nothing = ["--iptables=false", "--ip-masq=false", "--bridge=none", "--storage-driver=vfs"]
        return [f"--host={self.address}", *own, *nothing]

    def _answers(self) -> bool:
        done = subprocess.run([*self._client(), "version"], capture_output=True, check=False)
        return done.returncode == 0

    def _client(self) -> list[str]:
        return [str(on_path(*CLIENTS)()), f"--host={self.address}"]

    def ask(self, *command: str, data: bytes | None = None) -> str:
        """What a command of docker's prints. Raises RuntimeError where it fails, with what it said."""
        done = subprocess.run([*self._client(), *command], input=data, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"docker {command[0]} ended with {done.returncode}: {done.stderr.decode()}")
        return done.stdout.decode()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def programs() -> list[str]:
    """Mounts of where programs, libraries, this Python and the checkout are, to be read only."""
    wanted = {"/usr", "/lib", "/bin", "/lib64", "/etc/ld.so.cache"}
    wanted |= {str(ROOT), sys.prefix, sys.base_prefix}
    there = sorted(place for place in wanted if Path(place).exists() and not Path(place).is_symlink())
    alone = [place for place in there if not any(place.startswith(f"{other}/") for other in there)]
    return [f"{place}:{place}:ro" for place in alone]


def _image(files: Mapping[str, str], owners: Mapping[str, int]) -> bytes:
    """A tar file of the links at the root, such as `/lib64`, of a folder for each mount, and of these."""
    mounted = dict.fromkeys(("/tmp", "/dev", "/proc", "/sys"), 0)
    parents = {str(parent): 0 for place in (*files, *owners) for parent in Path(place).parents}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for link in (entry for entry in Path("/").iterdir() if entry.is_symlink()):
            entry = tarfile.TarInfo(link.name)
            entry.type, entry.linkname = tarfile.SYMTYPE, str(link.readlink())
            tar.addfile(entry)
        for folder, owner in sorted({**mounted, **parents, **owners}.items()):
            entry = tarfile.TarInfo(f".{folder}")
            # A tmpfs in its place has its mode, not the one that is asked for.
            entry.mode = 0o1777 if folder in {"/tmp", *owners} else 0o755
            entry.type, entry.uid, entry.gid = tarfile.DIRTYPE, owner, owner
            tar.addfile(entry)
        for place, text in files.items():
            entry = tarfile.TarInfo(f".{place}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def _look() -> str | None:
    """The daemon, where this process may start it and there is a client."""
    if not _may_mount() or on_path(*CLIENTS)() is None:
        return None
    return on_path("dockerd", "/usr/sbin/dockerd")()


def _may_mount() -> bool:
    """Root of a container often may not."""
    status = Path("/proc/self/status")
    lines = status.read_text("utf-8").splitlines() if status.exists() else []
    allowed = next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)
    return os.geteuid() == 0 and bool(allowed & CAP_SYS_ADMIN)


DOCKER = Service(
    name="docker",
    purpose="programs that share nothing but a folder",
    look=_look,
    install=(apt("docker.io", "containerd", "runc", "iptables"),),
)
