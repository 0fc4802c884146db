"""What is wrong with where a folder of pictures lies. Looks, and changes nothing."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Final

from sightline.framequeue.store import Advice

_OF_NETWORKS: Final = re.compile(
    r"9p|afs|(fuse\.)?(ceph|glusterfs)|cifs|fuse\.(s3|ssh)fs|lustre|ncpfs|nfs4?|smb(3|fs)|virtiofs"
)
_MOUNTS: Final = Path("/proc/self/mountinfo")


def advice(folder: Path, wanted: int | None) -> list[Advice]:
    """What to change.

    Args:
        folder: it is there.
        wanted: bytes that may still come by the budget; None: there is none.
    """
    found = [_of_privacy(folder), _of_network(folder), _of_room(folder, wanted)]
    return [each for each in found if each is not None]


def file_system(folder: Path, mounts: str) -> str:
    """The kind of file system that a folder is on, by `mounts` (proc(5), mountinfo); "" if unknown."""
    status = folder.stat()
    device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    for line in mounts.splitlines():
        of_mount, _, of_source = line.partition(" - ")
        if of_mount.split()[2:3] == [device]:
            return of_source.split()[0]
    return ""


def _of_privacy(folder: Path) -> Advice | None:
    if not folder.stat().st_mode & 0o007:
        return None
    return Advice(f"everybody on this machine may look into {folder}", f"chmod o= {shlex.quote(str(folder))}")


def _of_network(folder: Path) -> Advice | None:
    kind = file_system(folder, _MOUNTS.read_text()) if _MOUNTS.exists() else ""
    if _OF_NETWORKS.fullmatch(kind) is None:
        return None
    return Advice(
        f"{folder} is on a file system of a network ({kind}), which keeps neither the locks nor the shared"
        " memory of its table; take a folder on a disk of this machine, or Redis for several machines"
    )


def _of_room(folder: Path, wanted: int | None) -> Advice | None:
    free = shutil.disk_usage(folder).free
    if wanted is not None and wanted <= free:
        return None
    budget = "there is no budget" if wanted is None else f"the budget lets {wanted} more bytes come"
    return Advice(
        f"{budget}, and the disk of {folder} has {free} free: pictures are refused once it is full",
        "limit_bytes=SIZE",
    )
