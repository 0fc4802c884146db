"""Tables of figures by name: names are whole, whatever the terminal's width."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text
from tests.cli.conftest import Invoke
from tests.framequeue.store_conformance import picture

from sightline.cli.figures import Figures, Row
from sightline.framequeue import open_queue, open_store

NAME = "warehouse-entrance-north"
HEADS = ("sampled", "handed over", "packets")


def shown(width: int, *rows: Row) -> str:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as captured:
        console.print(Figures("camera", HEADS, "lost", rows))
    return captured.get()


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│┃").replace("┃", "│").split("│")]


def row(name: str = NAME, state: str = "connecting", reason: str = "") -> Row:
    return Row(name, ("86400", "86390", "2160000"), "full 17", Text(state), reason)


def test_all_have_columns_where_there_is_room() -> None:
    lines = shown(120, row(), row("gate", "live")).splitlines()
    assert cells(lines[1]) == ["camera", "state", *HEADS, "lost"]
    assert cells(lines[3]) == [NAME, "connecting", "86400", "86390", "2160000", "full 17"]


def test_what_has_no_room_is_told_in_the_last_column_by_its_name() -> None:
    lines = shown(80, row()).splitlines()
    assert cells(lines[1]) == ["camera", "state", "sampled", "else"]
    assert cells(lines[3])[:3] == [NAME, "connecting", "86400"]
    told = " ".join(cells(line)[-1] for line in lines[3:-1])
    assert told == "handed over 86390, packets 2160000; lost: full 17"


@pytest.mark.parametrize("width", range(70, 130))
def test_names_are_whole_and_no_line_is_too_long(width: int) -> None:
    text = shown(width, row(reason="expected a stream, got nothing within 10 s"), row("gate", "live"))
    assert NAME in text
    assert max(map(len, text.splitlines())) == width
    assert text.count("\n") < 20


def test_a_name_that_is_very_long_is_folded_and_has_all_its_letters() -> None:
    name = "".join(chr(ord("a") + n % 26) for n in range(100))
    lines = shown(80, row(name)).splitlines()
    assert "".join(cells(line)[0] for line in lines[3:-1]) == name


def test_a_name_is_no_markup_and_steers_no_terminal() -> None:
    assert r"[red]gate\x1b[31m" in shown(80, row("[red]gate\x1b[31m"))


def test_nothing_has_no_last_column() -> None:
    console = Console(file=io.StringIO(), width=80)
    with console.capture() as captured:
        console.print(Figures("queue", ["ready"], "", [Row("frames", ["3"], "")], "keys"))
    assert [cells(line) for line in captured.get().splitlines()[2:5:2]] == [
        ["queue", "ready"],
        ["frames", "3"],
    ]


def test_stats_show_names_whole_in_80_columns(invoke: Invoke, tmp_path: Path) -> None:
    """Of a store at its budget, with figures of days."""
    where = ("--store", f"folder:{tmp_path / 's'}", "--queue", f"sqlite:{tmp_path / 'k'}")
    with open_store(f"{where[1]}?limit_bytes=500000") as store, open_queue(where[3]) as queue:
        for number in range(60):
            (answer,) = store.put([picture(number, NAME, 10_000)], None)
            queue.send([str(answer.key)])
    result = invoke("framequeue", "stats", *where, env={"COLUMNS": "80"})
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert f"│ {NAME} │" in result.stdout
    assert any(cells(line)[:2] == [NAME, "50"] for line in lines)
    assert any(cells(line)[:2] == ["frames", "60"] for line in lines)
    assert max(len(line) for line in lines if "│" in line) == 80
