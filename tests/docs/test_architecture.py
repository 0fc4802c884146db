"""What ARCHITECTURE names is there, and stands in the layer that it is said to stand in."""

import re
import tomllib
from functools import cache
from importlib import import_module
from pathlib import PurePosixPath

import pytest
from tests.docs.snippets import ROOT

TEXT = re.sub(r"^```.*?^```$", "", (ROOT / "ARCHITECTURE.md").read_text(), flags=re.MULTILINE | re.DOTALL)
SOURCE = ROOT / "src" / "sightline"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def table(head: str) -> list[list[str]]:
    """The cells of the rows below a head."""
    _, found, below = TEXT.partition(f"\n{head}\n")
    assert found, head
    return [line.strip("| ").split(" | ") for line in below.partition("\n\n")[0].splitlines()[1:]]


def code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def layers(package: str) -> list[str]:
    """Names of a package's parts, as import-linter holds them apart."""
    found = [one for one in CONTRACTS if one["type"] == "layers" and one.get("containers") == [package]]
    return [name.strip("() ") for layer in found[0]["layers"] for name in re.split(r"[|:]", layer)]


@cache
def is_there(name: str) -> bool:
    """Whether it is a module of ours, or something within one."""
    *parents, last = name.split(".")
    try:
        import_module(f"sightline.{name}")
    except ModuleNotFoundError:
        try:
            return hasattr(import_module(".".join(["sightline", *parents])), last)
        except ModuleNotFoundError:
            return False
    return True


def not_there(cell: str) -> list[str]:
    """Those of its dotted names; one that begins with a dot belongs to a package of the name before it."""
    missing, before = [], ""
    for name in (name for name in code(cell) if "." in name and "*" not in name):
        parents = [""] if name[0] != "." else before.split(".")
        places = [".".join(parents[:until]) + name for until in range(len(parents), 0, -1)]
        found = next((place for place in places if is_there(place)), None)
        missing += [name] if found is None else []
        before = found or name
    return missing


@pytest.mark.parametrize("row", table("| machine | decides | shell |"), ids=lambda row: code(row[0])[0])
def test_every_machine_is_there(row: list[str]) -> None:
    assert not_there(row[0]) == []
    assert not_there(row[2]) == []


def test_every_name_of_ours_is_there() -> None:
    ours = {path.stem for path in SOURCE.iterdir()}
    names = {name for name in code(TEXT) if re.fullmatch(r"[a-z_]+(\.\w+)+", name)} - {"site.yaml"}
    told = {name for name in names if name.split(".")[0] in ours and name.split(".")[-1] != "py"}
    assert len(told) > 100
    assert {name for name in told if not is_there(name)} == set()


def test_every_layer_has_its_packages() -> None:
    told = [name for row in table("| layer | packages | their one job |") for name in code(row[1])]
    assert {*told} == {*layers("sightline")} - {"__main__"}


def test_every_layer_of_a_fleet_has_its_parts() -> None:
    told = [name for row in table("| layer | parts of `fleet` | what they are |") for name in code(row[1])]
    assert told == layers("sightline.fleet")


def test_the_threads_of_a_fleet_are_those_that_are_drawn() -> None:
    source = "\n".join(path.read_text() for path in (SOURCE / "fleet").rglob("*.py"))
    begun = set(re.findall(r'name(?:_prefix)?=f?"((?:fleet|agent) [a-z]+)', source))
    begun |= {f"fleet {name}" for name in re.findall(r'\("(\w+)", self\._(?:read|run)\)', source)}
    section = (
        (ROOT / "ARCHITECTURE.md").read_text().partition("Who owns which thread")[2].partition("\n## ")[0]
    )
    told = {name for name in re.findall(r"(?:fleet|agent) [a-z]+", section) if name in begun}
    assert told == begun
    assert len(begun) > 10


def test_every_file_to_look_at_is_there() -> None:
    """One whose folder is left out lies beside the one before it, or in a folder round that."""
    missing, looked_at = [], 0
    for row in table("| to change | look at |"):
        folder = PurePosixPath()
        for name in code(row[1]):
            if not re.fullmatch(r"[\w*./-]+\.py|[\w/-]+/", name):
                continue
            looked_at += 1
            places = [place / name for place in (PurePosixPath(), folder, *folder.parents)]
            found = [place for place in places if [*SOURCE.glob(str(place)), *ROOT.glob(str(place))]]
            missing += [] if found else [f"{row[0]}: {name}"]
            folder = (found[0] if name.endswith("/") else found[0].parent) if found else folder
    assert missing == []
    assert looked_at > 100
