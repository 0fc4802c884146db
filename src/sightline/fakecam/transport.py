"""The `Transport` header of SETUP: how a client wants its packets (RFC 2326 12.39)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_PAIR: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


class Interleave(NamedTuple):
    """Between the messages of the RTSP connection, on these channels."""

    rtp: int
    rtcp: int


class Ports(NamedTuple):
    """As datagrams to these ports of the host that asks."""

    rtp: int
    rtcp: int


def choose(header: str) -> Interleave | Ports | None:
    """The first of a client's wishes that can be had; None where none can."""
    wishes = (_wish(text) for text in header.split(","))
    return next((wish for wish in wishes if wish is not None), None)


def answer(chosen: Interleave | Ports, server_ports: Ports, ssrc: int) -> str:
    """The header that confirms it."""
    if isinstance(chosen, Interleave):
        where = f"RTP/AVP/TCP;unicast;interleaved={chosen.rtp}-{chosen.rtcp}"
    else:
        pairs = f"client_port={chosen.rtp}-{chosen.rtcp};server_port={server_ports.rtp}-{server_ports.rtcp}"
        where = f"RTP/AVP;unicast;{pairs}"
    return f"{where};ssrc={ssrc:08X}"


def _wish(text: str) -> Interleave | Ports | None:
    profile, *details = (part.strip() for part in text.split(";"))
    named = dict(part.partition("=")[::2] for part in details)
    if "multicast" in named:
        return None
    if profile.upper() == "RTP/AVP/TCP":
        channels = _pair(named.get("interleaved", "0-1"), 255)
        return Interleave(*channels) if channels else None
    if profile.upper() in {"RTP/AVP", "RTP/AVP/UDP"}:
        ports = _pair(named.get("client_port", ""), 65535)
        return Ports(*ports) if ports and ports[0] else None
    return None


def _pair(text: str, most: int) -> tuple[int, int] | None:
    found = _PAIR.fullmatch(text)
    if found is None:
        return None
    first = int(found[1])
    second = int(found[2]) if found[2] else first + 1
    return (first, second) if max(first, second) <= most and first != second else None
