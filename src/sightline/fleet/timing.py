"""How long things take in a fleet: the one place for what coordinator and agents must agree on."""

from __future__ import annotations

import msgspec


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds.

    Attributes:
        status_s: between two responses of an agent.
        lease_s: how long an agent may run what must not run twice after the coordinator heard it last; it
            counts from when it *sent* what was heard, so that it always ends first.
        margin_s: that the coordinator waits beyond a lease: for clocks that differ, and for what has to be
            killed.
        ack_s: between two lists of whom the coordinator heard.
        move_after_s: that an agent is lost before what it ran, and nobody put there by hand, goes to others.
        figures_s: between two full responses where nothing but figures changed.
        greet_s: before an agent that is not let in asks again, at first; twice as long each time, to
            `most_greet_s`.
        send_again_s: before a configuration that was not acknowledged, though its agent is heard, is sent
            again.
        wait_for_config_s: that an agent waits at its begin for news, before it touches what runs.
    """

    status_s: float = 5.0
    lease_s: float = 15.0
    margin_s: float = 5.0
    ack_s: float = 1.0
    move_after_s: float = 30.0
    figures_s: float = 30.0
    greet_s: float = 1.0
    most_greet_s: float = 30.0
    send_again_s: float = 10.0
    wait_for_config_s: float = 5.0
