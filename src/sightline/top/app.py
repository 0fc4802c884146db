"""`sightline top` in a terminal: five sheets, and keys to sort, filter, pause and send events.

It shows what a `Watching` has, twice a second, and never waits for a feed. What was learnt of Textual: the
cells of a `DataTable` are given as `Text`, as it takes a `str` for markup.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Footer, Input, Static, Tab, TabbedContent, TabPane

from sightline.top.event_screen import EventScreen
from sightline.top.feed import Event, Target
from sightline.top.picture import Picture
from sightline.top.sheet import Row, printable
from sightline.top.sheet_table import SheetTable
from sightline.top.watching import Watching

SHOW_S: Final = 0.5
_NAMES: Final = ("cameras", "routines", "wires", "channels", "processes")


class Answered(Message):
    """A feed answered what it was asked: `show` says so on the screen."""

    def __init__(self, show: Callable[[], object]) -> None:
        super().__init__()
        self.show = show


class TopApp(App[None]):
    """The screen.

    Args:
        watching: what is shown; whoever gives it starts and ends it.
        seconds: after which it ends by itself.
    """

    TITLE = "sightline top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #summary { height: auto; max-height: 8; padding: 0 1; }
    #note { height: auto; min-height: 2; max-height: 4; padding: 0 1; color: $text-muted; }
    TabbedContent { height: 1fr; }
    TabPane { padding: 0; }
    SheetTable { height: 1fr; scrollbar-size-horizontal: 0; }
    #filter { display: none; height: 1; border: none; padding: 0 1; }
    #filter.open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
        Binding("s", "sort", "Sort"),
        Binding("r", "reverse", "Reverse"),
        Binding("slash", "filter", "Filter"),
        Binding("escape", "unfilter", "All", show=False),
        Binding("space,p", "pause", "Pause"),
        Binding("e", "event", "Event"),
        *(Binding(str(n), f"sheet('{name}')", name, show=False) for n, name in enumerate(_NAMES, start=1)),
    ]

    def __init__(self, watching: Watching, *, seconds: float | None = None) -> None:
        super().__init__()
        self._watching = watching
        self._seconds = seconds
        self._picture = Picture({})
        self._paused = False
        self._is_settled = self._is_shown = False
        self._tables = {name: SheetTable() for name in _NAMES}
        self._tabs = TabbedContent()
        self._labels: dict[str, Tab] = {}
        self._said = Static(id="summary")
        self._noted = Static(id="note")
        self._field = Input(placeholder="words that rows have", id="filter")

    def compose(self) -> ComposeResult:
        yield self._said
        with self._tabs:
            for name, table in self._tables.items():
                with TabPane(name.capitalize(), id=name):
                    yield table
        yield self._noted
        yield self._field
        yield Footer()

    def on_ready(self) -> None:
        self._labels = {name: self._tabs.get_tab(name) for name in _NAMES}
        loop = asyncio.get_running_loop()
        for ending in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(ending, self.exit)
        self.set_interval(SHOW_S, self._refresh)
        if self._seconds is not None:
            self.set_timer(self._seconds, self.exit)
        self._refresh()
        self._table.focus()

    # What is shown.

    @property
    def _table(self) -> SheetTable:
        return self._tables[self._tabs.active]

    def _refresh(self) -> None:
        """What stands there already is not shown again: two screens a look are a look too many."""
        picture = self._picture if self._paused else self._watching.picture
        if picture != self._picture or not self._is_shown:
            self._picture = picture
            self._settle()
            self._show()

    def _settle(self) -> None:
        """Begin with the first sheet that has anything in it."""
        first = next(
            (name for name, sheet in zip(_NAMES, self._picture.sheets, strict=True) if sheet.rows), None
        )
        if not self._is_settled and first is not None:
            self._is_settled = True
            self._tabs.active = first

    def _show(self) -> None:
        if not self._labels:  # it is not on the screen yet
            return
        self._is_shown = True
        for name, sheet in zip(_NAMES, self._picture.sheets, strict=True):
            label = f"{sheet.title} {len(sheet.rows)}"
            if self._labels[name].label_text != label:
                self._labels[name].label = label
            if name == self._tabs.active:
                self._table.show(sheet)
        _say(self._said, self._summary())
        self._note()

    def _summary(self) -> Text:
        paused = [Text("paused: space goes on", "reverse")] if self._paused else []
        faults = [Text(fault, "red") for fault in self._picture.faults]
        told = [Text(line) for line in self._picture.summary]
        return Text("\n").join([*paused, *faults, *told] or [Text(self._picture.nothing, "yellow")])

    def _note(self) -> None:
        row = self._table.row
        _say(self._noted, Text(row.note if row else ""))

    def on_data_table_row_highlighted(self) -> None:
        self._note()

    def on_tabbed_content_tab_activated(self) -> None:
        self._show()
        self._table.focus()

    # What is asked for.

    def action_sheet(self, name: str) -> None:
        self._is_settled = True
        self._tabs.active = name

    def action_sort(self) -> None:
        self._table.sort_by_next()
        self._show()

    def action_reverse(self) -> None:
        self._table.reverse()
        self._show()

    def on_data_table_header_selected(self, selected: SheetTable.HeaderSelected) -> None:
        self._table.sort_by(selected.column_index)
        self._show()

    def action_pause(self) -> None:
        self._paused = not self._paused
        self._is_shown = False
        self._refresh()

    def action_filter(self) -> None:
        self._field.add_class("open")
        self._field.focus()

    def action_unfilter(self) -> None:
        self._field.value = ""
        self._field.remove_class("open")
        self._table.focus()

    def on_input_changed(self, changed: Input.Changed) -> None:
        if changed.input is self._field:
            for table in self._tables.values():
                table.filter(changed.value)
            self._show()

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        if submitted.input is self._field:
            self._field.set_class(bool(submitted.value), "open")
            self._table.focus()

    # Events.

    def action_event(self) -> None:
        row = self._table.row
        if row is None or row.target is None:
            self.notify("events are for routines, wires and flows: choose one of these", severity="warning")
        else:
            self._in_thread(self._ask_for_event, row, row.target)

    def _in_thread(self, work: Any, *args: Any) -> None:
        """Of its own: for one of Textual's the end would wait, however long its feed takes."""
        threading.Thread(target=self._told, args=(work, *args), name="event", daemon=True).start()

    def _told(self, work: Any, *args: Any) -> None:
        """In a thread: what goes wrong is said."""
        try:
            work(*args)
        except Exception as error:  # noqa: BLE001 - it is shown, and what is watched goes on
            self._answered(self.notify, printable(error), severity="error", markup=False)

    def _answered(self, show: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """From a thread; nobody is told once the screen is gone."""
        self.post_message(Answered(partial(show, *args, **kwargs)))

    def on_answered(self, answered: Answered) -> None:
        answered.show()

    def _ask_for_event(self, row: Row, target: Target) -> None:
        events = self._watching.events(row.feed, target.pipe)
        screen = EventScreen(target, [printable(event) for event in events])
        self._answered(self.push_screen, screen, partial(self._asked_for, row.feed, target))

    def _asked_for(self, feed: str, target: Target, event: Event | None) -> None:
        if event is not None:
            self._in_thread(self._send, feed, target, event)

    def _send(self, feed: str, target: Target, event: Event) -> None:
        told = self._watching.send(feed, target, event)
        self._answered(self.notify, printable(told), markup=False)


def _say(where: Static, text: Text) -> None:
    """What stands there already is not laid out again."""
    if where.content != text:
        where.update(text)
