"""yaml-cpp, the library that DeepStream reads its YAML files with: the judge of our own reader.

Debian's (0.7, as in DeepStream up to 7.0; 0.8 differs in lone carriage returns alone; 0.6.2 is older than its
limit on depth, and may differ in more), with a small program of ours, `yaml_cpp.cpp`, that answers what it
makes of documents and of scalars.
"""

from pathlib import Path

from tools.services.service import Service, apt

SOURCE = Path(__file__).with_suffix(".cpp")
PROGRAM = Path(__file__).resolve().parents[2] / ".services" / "yaml-cpp"


def _look() -> str | None:
    """The program, where it is not older than its source."""
    if not PROGRAM.exists() or PROGRAM.stat().st_mtime < SOURCE.stat().st_mtime:
        return None
    return str(PROGRAM)


YAML_CPP = Service(
    name="yaml-cpp",
    purpose="the judge of how YAML files are read",
    look=_look,
    install=(
        apt("g++", "libyaml-cpp-dev"),
        ("mkdir", "--parents", str(PROGRAM.parent)),
        ("g++", "-std=c++17", "-O2", "-Wall", "-Wextra", "-o", str(PROGRAM), str(SOURCE), "-lyaml-cpp"),
    ),
    variable="SIGHTLINE_YAML_CPP",
)
