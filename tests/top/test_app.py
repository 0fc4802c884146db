"""The screen, driven by keys: what it shows, and what it asks of what it shows."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter, Double
from tests.top.told import S, Told, camera, flow, hub, pipe, process, routine, site, wire
from textual.pilot import Pilot
from textual.widgets import Input, Static, Tab, TabbedContent

from sightline.errors import Unreachable
from sightline.pipe import Pipe, Restart, Wire
from sightline.site.visit import PipesVisit
from sightline.site.window import WINDOW, Look, Window
from sightline.top import app as module
from sightline.top.app import TopApp
from sightline.top.feed import Event, Target
from sightline.top.picture import NOTHING
from sightline.top.sheet_table import MOST_ROWS, SheetTable
from sightline.top.watching import Open, Watching
from sightline.top.window_feed import WindowFeed

LOG = Lines()
WAIT_S = 30.0
STEP_S = 0.05
NAMES = ["bay", "cab", "alp"]


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that pytest can call."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


@pytest.fixture(autouse=True)
def _often(no_leaks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHOW_S", STEP_S)


def look(second: int = 0, **of: Any) -> Look:
    rates = {"bay": 30.0, "cab": 1.0, "alp": 12.5}
    routines = [routine(name, fps=fps) for name, fps in rates.items()]
    pipes = {"p": pipe(flow("f", *routines), wires=(wire("bay", "cab"),))}
    return Look(name="mine", at_ns=second * S, pipes=pipes, **of)


class Seen:
    """The app at work, and what stands on its screen."""

    def __init__(self, app: TopApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def table(self) -> SheetTable:
        tabs = self.app.query_one(TabbedContent)
        return self.app.query_one(f"#{tabs.active} SheetTable", SheetTable)

    def column(self, number: int = 0) -> list[str]:
        return [str(self.table.get_row_at(row)[number]) for row in range(self.table.row_count)]

    def has(self, rows: list[str]) -> bool:
        return self.column() == rows

    @property
    def at(self) -> object:
        """What the cursor stands at."""
        return None if self.table.row is None else self.table.row.values[0]

    def text(self, of: str) -> str:
        return str(self.app.screen.query_one(of, Static).content)

    def under(self, x: int, y: int) -> dict[str, Any]:
        """What a click there would be at."""
        where = self.table.region.offset
        return self.app.screen.get_style_at(where.x + x, where.y + y).meta

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        for _ in range(round(WAIT_S / STEP_S)):
            if condition():
                return
            await self.pilot.pause(STEP_S)
        pytest.fail(f"{what} did not come: {self.column()} {self.text('#summary')}")


@asynccontextmanager
async def running(
    *, size: tuple[int, int] = (80, 24), notifications: bool = True, **feeds: Open
) -> AsyncIterator[Seen]:
    with Watching(lambda: feeds, every_s=STEP_S) as watching:
        app = TopApp(watching)
        async with app.run_test(size=size, notifications=notifications) as pilot:
            yield Seen(app, pilot)


@contextmanager
def a_pipe() -> Iterator[Pipe]:
    double, keep = Double("double"), Collect("keep")
    with Pipe(logger=LOG.logger(), restart=Restart(delay_s=0.05)) as made:
        made.create_flow("numbers", True, Counter("count"), double)
        made.create_flow("keeps", False, keep)
        made.link(Wire(double, keep))
        made.build()
        yield made


@in_a_loop
async def test_it_begins_with_what_there_is() -> None:
    async with running(a=lambda: Told(look())) as seen:
        await seen.until(lambda: seen.column() == NAMES, "routines")
        assert seen.app.query_one(TabbedContent).active == "routines"
        assert [str(tab.label) for tab in seen.app.query(Tab)] == [
            "Cameras 0",
            "Routines 3",
            "Wires 1",
            "Channels 0",
            "Processes 1",
        ]
        assert "1 pipe running" in seen.text("#summary")


@in_a_loop
async def test_each_sheet_has_its_key() -> None:
    told = look(site=site({"gate": camera()}, hub=process()), hub=hub(({"name": "street"},)))
    async with running(a=lambda: Told(told)) as seen:
        await seen.until(lambda: seen.column() == ["gate"], "cameras")
        for key, rows in {
            "2": NAMES,
            "3": ["bay > cab"],
            "4": ["street"],
            "5": ["hub", "f"],
            "1": ["gate"],
        }.items():
            await seen.pilot.press(key)
            await seen.until(partial(seen.has, rows), key)
            assert seen.app.focused is seen.table


@in_a_loop
async def test_rows_are_sorted_by_key_and_by_a_click() -> None:
    async with running(a=lambda: Told(look())) as seen:
        await seen.until(lambda: seen.column() == NAMES, "routines")
        await seen.pilot.press(*"ssss")
        assert seen.column() == ["bay", "alp", "cab"]
        assert "fps ▼" in str([str(column.label) for column in seen.table.columns.values()])
        await seen.pilot.press("r")
        assert seen.column() == ["cab", "alp", "bay"]
        await seen.pilot.press(*"sssssss")
        assert seen.column() == NAMES
        for rows in (["cab", "bay", "alp"], ["alp", "bay", "cab"]):
            await seen.until(lambda: "row" in seen.under(3, 0), "the heading to be drawn")
            await seen.pilot.click(seen.table, offset=(3, 0))
            await seen.until(partial(seen.has, rows), "the order")


@in_a_loop
async def test_the_cursor_stays_at_its_row_while_others_move() -> None:
    feed = Told(look())
    async with running(a=lambda: feed) as seen:
        await seen.until(lambda: seen.column() == NAMES, "routines")
        await seen.pilot.press("down", "down")
        assert seen.text("#note").startswith("alp in flow f")
        await seen.pilot.press(*"ssss")
        assert seen.at == "alp"
        less = look()
        fewer = pipe(flow("f", routine("alp"), routine("new")))
        feed.told = [Look(name=less.name, at_ns=less.at_ns, pipes={"p": fewer})]
        await seen.until(lambda: sorted(seen.column()) == ["alp", "new"], "other rows")
        assert seen.at == "alp"


@in_a_loop
async def test_rows_are_filtered_by_words() -> None:
    async with running(a=lambda: Told(look())) as seen:
        await seen.until(lambda: seen.column() == NAMES, "routines")
        await seen.until(lambda: seen.app.focused is seen.table, "the table to have the keys")
        await seen.pilot.press("slash")
        await seen.until(lambda: isinstance(seen.app.focused, Input), "the field to have them")
        await seen.pilot.press(*"CA")
        await seen.until(lambda: seen.column() == ["cab"], "the one")
        await seen.pilot.press("enter", "s")  # keys are keys again
        assert seen.app.query_one("#filter", Input).value == "CA"
        assert seen.column() == ["cab"]
        await seen.pilot.press("escape")
        await seen.until(lambda: sorted(seen.column()) == sorted(NAMES), "all")
        assert not seen.app.query_one("#filter").has_class("open")


@in_a_loop
async def test_it_can_be_held_still() -> None:
    feed = Told(look())
    async with running(a=lambda: feed) as seen:
        await seen.until(lambda: seen.column() == NAMES, "routines")
        await seen.pilot.press("space")
        assert "paused" in seen.text("#summary")
        feed.told = [Look(name="mine", at_ns=0, pipes={"p": pipe(flow("f", routine("other")))})]
        watched = seen.app._watching
        before = watched.looks
        await seen.until(lambda: watched.looks > before + 2, "more looks")
        await seen.pilot.pause(3 * STEP_S)
        assert seen.column() == NAMES
        await seen.pilot.press(*"ssss")  # what is held still can be sorted
        assert seen.column() == ["bay", "alp", "cab"]
        await seen.pilot.press("space")
        await seen.until(lambda: seen.column() == ["other"], "what is now")


@in_a_loop
async def test_an_event_is_sent_to_the_row_of_the_cursor() -> None:
    feed = Told(look())
    async with running(a=lambda: feed) as seen:
        await seen.until(lambda: seen.column() == NAMES, "routines")
        await seen.pilot.press("down", "e")
        await seen.until(lambda: isinstance(seen.app.screen.focused, Input), "the question")
        assert "update_fps" in seen.text("#events")
        await seen.pilot.press(*"update_fps fps", "enter")
        assert "name=value" in seen.text("#wrong")
        assert not feed.sent
        await seen.pilot.press(*"=5", "enter")
        await seen.until(lambda: feed.sent, "the event")
        assert feed.sent == [(Target("p", "f", "cab"), Event("update_fps", {"fps": 5}))]
        await seen.until(lambda: "done by cab" in _said(seen), "what became of it")


def _said(seen: Seen) -> str:
    return " ".join(one.message for one in seen.app._notifications)


@in_a_loop
async def test_no_event_is_sent_where_nobody_is_or_nobody_wants_it() -> None:
    feed = Told(look(site=site({"gate": camera()})))
    async with running(a=lambda: feed) as seen:
        await seen.until(lambda: seen.column() == ["gate"], "cameras")
        await seen.pilot.press("e")
        await seen.until(lambda: "choose one" in _said(seen), "a word")
        await seen.pilot.press("2", "e")
        await seen.until(lambda: len(seen.app.screen_stack) == 2, "the question")
        await seen.pilot.press(*"stop", "escape")
        await seen.until(lambda: len(seen.app.screen_stack) == 1, "the tables")
        assert not feed.sent


class Away(Told):
    def look(self) -> Look:
        raise Unreachable("[bold]gone[/bold]: password=planted \x1b[2J")


@in_a_loop
async def test_a_feed_that_is_away_is_told_and_nothing_else_suffers() -> None:
    async with running(b=lambda: Away(look()), a=lambda: Told(look())) as seen:
        await seen.until(lambda: seen.column() == NAMES, "the other")
        assert "b: [bold]gone[/bold]: password=*** \N{REPLACEMENT CHARACTER}[2J" in seen.text("#summary")


@in_a_loop
async def test_that_nothing_runs_is_told() -> None:
    async with running() as seen:
        await seen.until(lambda: NOTHING in seen.text("#summary"), "a word")
        await seen.pilot.press("s", "r", "e", "2", "down")


@in_a_loop
async def test_a_small_terminal_is_enough() -> None:
    told = look(site=site({"camera-01": camera(state="backing_off", retry_in_s=3.0)}))
    async with running(size=(80, 24), a=lambda: Told(told)) as seen:
        await seen.until(lambda: seen.column() == ["camera-01"], "cameras")
        await seen.pilot.press("2")
        await seen.pilot.pause()
        assert seen.table.size.height >= 12
        assert seen.app.query_one("Footer").region.bottom == 24
        for key in "123":
            await seen.pilot.press(key)
            await seen.pilot.pause()
            columns = [str(column.label) for column in seen.table.columns.values()]
            widths = [column.get_render_width(seen.table) for column in seen.table.columns.values()]
            assert sum(widths[: columns.index("why")]) <= 80


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
@in_a_loop
async def test_it_ends_by_a_key(key: str) -> None:
    async with running(a=lambda: Told(look())) as seen:
        await seen.pilot.press(key)
        assert seen.app._exit


@in_a_loop
async def test_its_order_stays_when_another_feed_comes() -> None:
    """The name of its feed stands before all others then."""
    feeds: dict[str, Open] = {"a": lambda: Told(look())}
    with Watching(lambda: dict(feeds), every_s=STEP_S) as watching:
        app = TopApp(watching)
        async with app.run_test(size=(80, 24)) as pilot:
            seen = Seen(app, pilot)
            await seen.until(lambda: seen.column() == NAMES, "routines")
            await pilot.press(*"ssss")
            assert seen.column() == ["bay", "alp", "cab"]
            feeds["b"] = lambda: Told(Look(name="b", at_ns=0))
            await seen.until(lambda: seen.column() == ["mine"] * 3, "another feed")
            assert seen.column(1) == ["bay", "alp", "cab"]


@in_a_loop
async def test_what_was_scrolled_to_stays_while_rows_change_places() -> None:
    feed = Told(look())
    async with running(size=(40, 24), a=lambda: feed) as seen:
        await seen.until(lambda: seen.column() == NAMES, "routines")
        await seen.pilot.press(*"ssss")
        seen.table.scroll_to(x=10, animate=False)
        await seen.until(lambda: seen.table.scroll_x == 10, "it to be scrolled")
        routines = [routine(name, fps=fps) for name, fps in {"bay": 1.0, "cab": 2.0, "alp": 3.0}.items()]
        feed.told = [Look(name="mine", at_ns=S, pipes={"p": pipe(flow("f", *routines))})]
        await seen.until(lambda: seen.column() == ["alp", "cab", "bay"], "another order")
        assert seen.table.scroll_x == 10


@in_a_loop
async def test_who_tells_of_too_much_does_not_hold_up_the_screen() -> None:
    many = [routine(f"r{n}", fps=float(n)) for n in range(MOST_ROWS + 50)]
    told = Look(name="mine", at_ns=0, pipes={"p": pipe(flow("f", *many))})
    async with running(a=lambda: Told(told)) as seen:
        await seen.until(lambda: seen.table.row_count == MOST_ROWS, "the first of them")
        assert f"Routines {MOST_ROWS + 50}" in [str(tab.label) for tab in seen.app.query(Tab)]
        await seen.pilot.press("slash", *f"r{MOST_ROWS + 7}")
        await seen.until(lambda: seen.column() == [f"r{MOST_ROWS + 7}"], "one of the others")


@in_a_loop
async def test_a_long_name_leaves_room_for_the_rest() -> None:
    name = "x" * 500
    told = Look(name="mine", at_ns=0, pipes={"p": pipe(flow("f", routine(name, state="failed")))})
    async with running(a=lambda: Told(told)) as seen:
        await seen.until(lambda: seen.column(2) == ["failed"], "its row")
        assert len(seen.column()[0]) < 40
        assert name in seen.text("#note")


class Stuck(Told):
    """Never says which events there are."""

    let_go = threading.Event()
    gave_up = False

    def events(self, pipe: str) -> list[str]:
        self.gave_up = not self.let_go.wait(WAIT_S)
        return []


def test_it_ends_though_an_event_is_waited_for() -> None:
    stuck = Stuck(look())

    async def ask_and_end() -> None:
        async with running(a=lambda: stuck) as seen:
            await seen.until(lambda: seen.column() == NAMES, "routines")
            await seen.pilot.press("e", "q")

    asyncio.run(ask_and_end())
    assert not stuck.gave_up
    stuck.let_go.set()


@in_a_loop
async def test_a_flow_that_is_killed_is_seen_to_die_and_to_come_back(tmp_path: Path) -> None:
    with a_pipe() as made, Window(tmp_path / WINDOW, lambda: PipesVisit("mine", lambda: {"p": made})):
        async with running(size=(120, 30), a=lambda: WindowFeed(tmp_path / WINDOW)) as seen:
            await seen.until(lambda: seen.column() == ["count", "double", "keep"], "routines")
            await seen.pilot.press("e")
            await seen.until(lambda: len(seen.app.screen_stack) == 2, "the question")
            await seen.pilot.press(*"start", "enter")
            await seen.until(lambda: seen.column(2) == ["running", "stopped", "stopped"], "one to run")
            made.notify_event("start", wait=WAIT_S)
            await seen.until(lambda: float(seen.column(3)[2]) > 5, "messages at the end")
            await seen.pilot.press("5")
            await seen.until(lambda: seen.column() == ["main", "numbers", "keeps"], "processes")
            pid = made.pids["numbers"]
            assert seen.column(2)[1] == str(pid)
            os.kill(pid, signal.SIGKILL)
            await seen.until(lambda: seen.column(5)[1:] == ["1", "0"], "its death")
            await seen.until(lambda: seen.column(1)[1] == "running", "another one")
            assert seen.column(2)[1] != str(pid)
            await seen.pilot.press("2")
            await seen.until(lambda: seen.column(2) == ["running"] * 3, "all to run again")
            await seen.until(lambda: float(seen.column(3)[2]) > 5, "messages at the end")
        assert made.stats().balanced
