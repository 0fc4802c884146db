"""What is held to what in the fenced blocks of a document, by their language.

python     runs, one after another in one namespace; with title="name.py" it becomes that module
yaml       is a site file, or a part of one, that is right; with a title it is written there as well;
           as mux.yaml it is the settings of a mux
console    its `$ ` lines are run by a shell, and print what stands below them; `...` is anything
sh         is read: commands, options and files that it names exist; nothing is run
json       is JSON; with a title it is written there
mermaid    is what the blocks before it drew, in their variable `drawn`
text       is only shown
"""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer.main
from ruamel.yaml import YAML
from sybil import Document, Example, Region
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

from sightline.cli import app
from sightline.cli.mux_settings import load_settings
from sightline.site import parse_site
from sightline.site.model import Camera, Worker

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "examples/README.md")),
        *ROOT.glob("docs/*.md"),
    )
)
INCLUDED = '--8<-- "'
COMMAND_S = 60
KNOWN_PROGRAMS = {
    *(
        "apt-get",
        "cd",
        "celery",
        "cp",
        "curl",
        "docker",
        "export",
        "git",
        "jq",
        "pip",
        "pre-commit",
        "sed",
        "sh",
        "sqlite3",
    ),
    *("chmod", "sqlite3", "systemctl", "tail", "zerorpc"),
}

_LEXER = RawFencedCodeBlockLexer(
    re.compile(r'(?P<language>\w+)(?: title="(?P<title>[^"]+)")?$\n', re.MULTILINE)
)
_python = PythonEvaluator()


def blocks(document: Document) -> Iterator[Region]:
    """Every fenced block of a document, with what runs it. Raises KeyError for a language without a rule."""
    for region in _LEXER(document):
        region.parsed = region.lexemes["source"]
        region.evaluator = RULES[region.lexemes["language"]]
        yield region


def _title(example: Example) -> Path | None:
    title = example.region.lexemes.get("title")
    return Path(title) if title else None


def _run_python(example: Example) -> None:
    if str(example.parsed).startswith(INCLUDED):
        _check_included(str(example.parsed))
    elif (title := _title(example)) is not None:
        title.write_text(example.parsed)
    else:
        _python(example)


def _check_included(source: str) -> None:
    """A file shown whole: it is there, and runs in a test of its own."""
    assert (ROOT / source.strip().removeprefix(INCLUDED).removesuffix('"')).is_file(), source


def _load_site(example: Example) -> None:
    text = str(example.parsed)
    if text.startswith(INCLUDED):
        _check_included(text)
        return
    if (title := _title(example)) is not None:
        title.write_text(text)
        if title.name == "mux.yaml":
            load_settings({"settings": title}, {})
            return
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "what-both-sides-know")
    parse_site(_whole(text), environ, name="snippet", folder=Path())


def _whole(text: str) -> str:
    """A site file as it is, or one made round cameras alone, or round keys of a camera or a worker."""
    part = YAML(typ="safe").load(text)
    if "workers" in part or "frame_queue" in part:
        return text
    if isinstance(part.get("cameras"), dict):
        return json.dumps({**part, "workers": {"a": {"model": {"kind": "motion"}}}})
    if part.keys() <= Camera.model_fields.keys():
        return json.dumps({"cameras": {"a": part}, "workers": {"a": {"model": {"kind": "motion"}}}})
    assert part.keys() <= Worker.model_fields.keys(), part
    cameras = {name: {"url": "street.mp4"} for name in part.get("cameras", ["a"])}
    return json.dumps({"cameras": cameras, "workers": {"a": {"model": {"kind": "motion"}, **part}}})


def _run_session(example: Example) -> None:
    for command, expected in _sessions(example.parsed):
        done = subprocess.run(
            ["/bin/bash", "-c", command], capture_output=True, text=True, timeout=COMMAND_S, check=False
        )
        printed = "\n".join(line.rstrip() for line in (done.stdout + done.stderr).strip().splitlines())
        # Spaces pad a table's cells: how many depends on the width of what stands for `...`.
        pattern = re.escape(expected.strip()).replace(re.escape("..."), ".*")
        pattern = re.sub(r"(\\ )+", " +", pattern)
        assert re.fullmatch(pattern, printed, re.DOTALL), (
            f"{command} prints:\n{printed}\nexpected:\n{expected}"
        )


def _sessions(source: str) -> Iterator[tuple[str, str]]:
    assert source.startswith("$ "), "a console block begins with a command"
    for part in source.removeprefix("$ ").split("\n$ "):
        command, _, expected = part.partition("\n")
        yield command, expected


def _read_commands(example: Example) -> None:
    for line in str(example.parsed).replace("\\\n", " ").splitlines():
        for words in _commands(line):
            _check_command(words)


def _commands(line: str) -> Iterator[list[str]]:
    """The commands of a line, without variables before them and what `>` sends where."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&>")
    lexer.whitespace_split = True
    words: list[str] = []
    redirected = False
    for word in [*lexer, ";"]:
        if word in {"|", ";", "&&"}:
            if words:
                yield words
            words, redirected = [], False
        elif word == ">":
            redirected = True
        elif redirected or (not words and re.match(r"\w+=", word)):
            redirected = False
        else:
            words.append(word)


def _check_command(words: list[str]) -> None:
    program, *rest = words
    if program == "sightline":
        _parse_arguments(rest)
    elif program == "make":
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        assert {word for word in rest if "=" not in word} <= targets, words
    elif program == "python":
        assert find_spec(rest[1]) if rest[0] == "-m" else (ROOT / rest[0]).is_file(), words
    else:
        assert program in KNOWN_PROGRAMS, words


@cache
def _all_commands() -> Any:
    return typer.main.get_command(app)


def _parse_arguments(arguments: list[str]) -> None:
    """As the command itself would, but for doing it. Raises typer's UsageError."""
    group = _all_commands()
    try:
        context = group.make_context("sightline", arguments)
        while hasattr(group, "resolve_command"):
            left = [*context._protected_args, *context.args]
            if not left and group.invoke_without_command:
                return
            name, group, rest = group.resolve_command(context, left)
            context = group.make_context(name, rest, parent=context)
    except typer.Exit:  # --version and --help end here
        return


def _read_json(example: Example) -> None:
    json.loads(example.parsed)
    if (title := _title(example)) is not None:
        title.write_text(example.parsed)


def _compare_drawing(example: Example) -> None:
    assert str(example.parsed).strip() == example.namespace["drawn"]


RULES: dict[str, Callable[[Example], None]] = {
    "python": _run_python,
    "yaml": _load_site,
    "console": _run_session,
    "sh": _read_commands,
    "json": _read_json,
    "mermaid": _compare_drawing,
    "text": lambda _example: None,
}


def forget_modules(folder: Path) -> None:
    """Modules that a document wrote are its own: another may have one of the same name."""
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
