"""An image of the stand-in for `deepstream-app`, made of files of this machine: no registry is asked.

`deploy/deepstream-standin/Dockerfile` makes the same where images can be pulled. In it are this Python
without its tests, the libraries that the stand-in imports, and Sightline of this checkout, each at a place of
its own; so a container of it needs no folder of the machine but that of its configuration.
"""

import io
import json
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

from tools.services.docker import ROOT, Docker

NAME = "sightline-deepstream-standin:local"
SITE = "opt/sightline"
PROGRAM = "usr/bin/deepstream-app"
# What it imports, with that of its messages and brokers.
IMPORTED = """
import json, sys
import confluent_kafka, google.protobuf.timestamp_pb2
import sightline.bus.kafka, sightline.deepstream.messages, sightline.deepstream.standin.program
print(json.dumps([name for name in sys.modules if "." not in name]))
"""
UNUSED = {
    "__pycache__",
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "distutils",
    "lib2to3",
    "pydoc_data",
    "ensurepip",
    "site-packages",
}
STARTS = f"""#!{sys.base_prefix}/bin/python{sys.version_info.major}.{sys.version_info.minor} -I
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # as the real one has it until its pipeline is made
sys.path.insert(0, "/{SITE}")
runpy.run_module("sightline.deepstream.standin", run_name="__main__")
"""
CHANGES = (
    f'ENTRYPOINT ["/{PROGRAM}"]',
    'CMD ["--help"]',
    "STOPSIGNAL SIGINT",  # as deepstream-app: the kernel keeps SIGTERM from the first process
    "ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1",
    "LABEL org.sightline.standin=deepstream-app",
)


def add_standin(docker: Docker, name: str = NAME) -> None:
    """Gives the daemon an image of this name."""
    files = f"{name}-files"
    docker.ask("import", "-", files, data=standin_image())
    # Importing takes no stop signal.
    docker.ask("build", f"--tag={name}", "-", data="\n".join([f"FROM {files}", *CHANGES]).encode())


def standin_image() -> bytes:
    """Its file system, as a tar file."""
    files = dict(_files())
    for library in _libraries([str(path) for path in files.values() if _binary(path)]):
        files.setdefault(str(library.parent.resolve() / library.name).lstrip("/"), library)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as tar:
        for folder in ("tmp", "proc", "sys", "dev", "etc"):
            _add_folder(tar, folder, 0o1777 if folder == "tmp" else 0o755)
        for link in (each for each in Path("/").iterdir() if each.is_symlink()):
            entry = tarfile.TarInfo(link.name)
            entry.type, entry.linkname = tarfile.SYMTYPE, str(link.readlink())
            tar.addfile(entry)
        # Those that are only named in paths would be the daemon's alone, and any user may run this.
        for folder in sorted(
            {str(above) for place in (*files, PROGRAM) for above in Path(place).parents[:-1]}
        ):
            _add_folder(tar, folder, 0o755)
        for place, path in sorted(files.items()):
            tar.add(path, place, recursive=False, filter=_readable)
        script = tarfile.TarInfo(PROGRAM)
        script.size, script.mode = len(STARTS.encode()), 0o755
        tar.addfile(script, io.BytesIO(STARTS.encode()))
    return packed.getvalue()


def _readable(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode |= 0o444 | (0o111 if entry.mode & 0o100 else 0)
    return entry


def _add_folder(tar: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)


def _files() -> Iterator[tuple[str, Path]]:
    """Places in the image, without their first `/`, and what goes there."""
    python = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    yield str(python).lstrip("/"), python
    standard = Path(
        sysconfig.get_path("stdlib", vars={"base": sys.base_prefix, "installed_base": sys.base_prefix})
    )
    for path in _below(standard):
        yield str(path).lstrip("/"), path
    for path in _below(ROOT / "src" / "sightline"):
        yield f"{SITE}/{path.relative_to(ROOT / 'src')}", path
    for path, place in _installed():
        yield f"{SITE}/{place}", path


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        inner = path.relative_to(folder).parts
        unused = UNUSED.intersection(inner) or path.name.startswith(
            "_tkinter."
        )  # and with it the X libraries
        if path.is_file() and not unused and not inner[0].startswith("config-"):
            yield path


def _installed() -> Iterator[tuple[Path, str]]:
    """Files of the distributions that the stand-in imports."""
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, check=True, cwd=ROOT)
    owners = packages_distributions()
    names = {owner for module in json.loads(done.stdout) for owner in owners.get(module, ())}
    for name in names - {"sightline", "setuptools", "pip"}:
        for file in distribution(name).files or ():
            path = Path(str(file.locate()))
            if path.is_file() and ".." not in file.parts and not UNUSED.intersection(file.parts):
                yield path, str(file)


def _binary(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _libraries(binaries: list[str]) -> set[Path]:
    """What they are linked with, outside of what is packed anyway."""
    told = subprocess.run(["ldd", *binaries], capture_output=True, check=False, text=True).stdout
    found = {Path(place) for place in re.findall(r"(?:=> )?(/\S+) \(0x", told)}
    return {path for path in found if "site-packages" not in path.parts}
