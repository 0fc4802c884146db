"""What asks for an event: a line to type it, and the events that there are."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from sightline.errors import ConfigError
from sightline.top.feed import Event, Target, event_of
from sightline.top.sheet import printable


class EventScreen(ModalScreen[Event | None]):
    """Gives what was typed; None: nothing is to be sent.

    Args:
        target: whom it is for.
        events: those that the pipe answers.
    """

    CSS = """
    EventScreen { align: center middle; }
    Vertical { width: 70; height: auto; max-height: 16; border: round $accent; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, target: Target, events: list[str]) -> None:
        super().__init__()
        self._target = target
        self._events = events

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text(f"An event to {printable(self._target)}; Escape sends none", "bold"))
            yield Input(placeholder="name parameter=value ...", suggester=SuggestFromList(self._events))
            yield Static(Text(", ".join(self._events)), id="events")
            yield Static(id="wrong")

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        submitted.stop()
        try:
            event = event_of(submitted.value)
        except ConfigError as error:
            self.query_one("#wrong", Static).update(Text(printable(error), "red"))
        else:
            self.dismiss(event)
