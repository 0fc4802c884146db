"""Packages whose names are imported when they are used."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import sightline

SOURCE = Path(sightline.__file__).parents[1]


def _later() -> list[str]:
    texts = {path: path.read_text() for path in SOURCE.glob("sightline/**/__init__.py")}
    return sorted(
        ".".join(path.parent.relative_to(SOURCE).parts)
        for path, text in texts.items()
        if "import_later(" in text
    )


PACKAGES = _later()


def _as_type_checkers_see(package: str) -> dict[str, str]:
    """Its names and the modules that they are imported from."""
    source = Path(str(importlib.import_module(package).__file__)).read_text()
    blocks = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def _asked(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_there_are_such_packages() -> None:
    assert {"sightline.pipe", "sightline.hub", "sightline.capture"} <= set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_imported_is_what_type_checkers_see(package: str) -> None:
    module = importlib.import_module(package)
    seen = _as_type_checkers_see(package)

    assert module._homes == seen
    assert set(seen) <= set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        assert not isinstance(getattr(module, name), ModuleType), f"{name} is a module"
    for name, home in seen.items():
        assert getattr(module, name) is getattr(importlib.import_module(home), name)


def test_a_package_alone_imports_none_of_its_modules() -> None:
    code = f"import sys\nfor name in {PACKAGES}: __import__(name)\nprint(*sys.modules)"
    modules = {name for name in _asked(code).split() if name.startswith("sightline.")}
    vocabulary = {f"sightline.{name}" for name in ("errors", "fence", "frame", "packet", "result")}
    around = {package.rpartition(".")[0] for package in PACKAGES}
    assert modules - vocabulary - around - set(PACKAGES) <= {"sightline.clock", "sightline.later"}


@pytest.mark.parametrize("first", ["from sightline.scene import encode", "import sightline.scene.encode"])
def test_a_name_comes_before_the_module_of_that_name(first: str) -> None:
    code = (
        f"{first}\nimport sightline.scene.encode\nfrom sightline.scene import encode\nprint(callable(encode))"
    )
    assert _asked(code) == "True\n"


def test_a_name_that_is_not_there_is_told_with_its_package() -> None:
    pipe = importlib.import_module("sightline.pipe")
    with pytest.raises(AttributeError, match=r"module 'sightline\.pipe' has no attribute 'Pipes'"):
        _ = pipe.Pipes
    with pytest.raises(ImportError, match="cannot import name 'Pipes' from 'sightline.pipe'"):
        exec("from sightline.pipe import Pipes")
