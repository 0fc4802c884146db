"""The rules of RTSP on one connection: a request goes in, the answer and what is to be done come out.

No I/O. One connection has one session of one medium at most, and the session ends with it (RFC 2326 lets one
outlive its connection; cameras do not). What takes time or a socket, describing and sending, is a `Deed` for
the shell, which adds to the answer what only it knows.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final, NamedTuple

from sightline.fakecam import sdp, transport
from sightline.fakecam.rtsp import VERSION, Request, Response, place_of
from sightline.fakecam.transport import Interleave, Ports

METHODS: Final = (
    "OPTIONS",
    "DESCRIBE",
    "SETUP",
    "PLAY",
    "PAUSE",
    "GET_PARAMETER",
    "SET_PARAMETER",
    "TEARDOWN",
)
_OPEN: Final = frozenset({"OPTIONS"})  # it needs no login


class Deed(StrEnum):
    """What is to be done besides answering."""

    NOTHING = "nothing"
    DESCRIBE = "describe"  # the answer lacks its body
    PLAY = "play"  # the answer lacks RTP-Info
    PAUSE = "pause"
    TEARDOWN = "teardown"


class Answer(NamedTuple):
    """What is said, and what is done."""

    response: Response
    deed: Deed = Deed.NOTHING
    camera: str = ""


class Dialogue:
    """One connection.

    Args:
        cameras: the names that there are.
        server_ports: from which datagrams are sent.
        session_id, ssrc: of the session, if it comes to one.
        timeout_s: after which silence ends it.
    """

    def __init__(
        self, cameras: Collection[str], server_ports: Ports, *, session_id: str, ssrc: int, timeout_s: int
    ) -> None:
        self._cameras = cameras
        self._server_ports = server_ports
        self._session_id = session_id
        self._ssrc = ssrc
        self._timeout_s = timeout_s
        self._camera = ""
        self.transport: Interleave | Ports | None = None
        self.playing = False

    def answer(self, request: Request, challenge: str | None = None) -> Answer:
        """What `request` leads to. With a `challenge` it is one that has not proved to know the password."""
        sequence = request.headers.get("cseq", "")
        if not (sequence.isascii() and sequence.isdigit() and len(sequence) <= 10):
            return Answer(Response(400))
        if challenge is not None and request.method not in _OPEN:
            found = Answer(Response(401).adding(WWW_Authenticate=challenge))
        else:
            found = self._answer(request)
        status, headers, _ = found.response
        return found._replace(response=Response(status, (("CSeq", sequence), *headers)))

    def _answer(self, request: Request) -> Answer:
        refusal = _refusal(request)
        if refusal is not None:
            return Answer(refusal)
        if request.method == "OPTIONS":
            return Answer(Response(200).adding(Public=", ".join(METHODS)))
        camera, track = place_of(request.url)
        if camera not in self._cameras or track not in {"", sdp.TRACK}:
            return Answer(Response(404))
        if request.method == "DESCRIBE":
            base = request.url.rstrip("/") + "/"
            head = Response(200).adding(Content_Base=base, Content_Type="application/sdp")
            return Answer(head, Deed.DESCRIBE, camera)
        return self._set_up(request, camera) if request.method == "SETUP" else self._ask(request, camera)

    def _set_up(self, request: Request, camera: str) -> Answer:
        if request.headers.get("session", self._session_id) != self._session_id:
            return Answer(Response(454))
        if self.playing or (self.transport is not None and camera != self._camera):
            return Answer(Response(455))
        chosen = transport.choose(request.headers.get("transport", ""))
        if chosen is None:
            return Answer(Response(461))
        self._camera, self.transport = camera, chosen
        confirmed = transport.answer(chosen, self._server_ports, self._ssrc)
        session = f"{self._session_id};timeout={self._timeout_s}"
        return Answer(Response(200).adding(Transport=confirmed, Session=session))

    def _ask(self, request: Request, camera: str) -> Answer:
        named = request.headers.get("session", "").partition(";")[0].strip()
        if request.method.endswith("_PARAMETER") and not named:
            return Answer(Response(200))  # before there is a session
        if self.transport is None or named != self._session_id or camera != self._camera:
            return Answer(Response(454))
        return self._in_session(request.method, Response(200).adding(Session=self._session_id))

    def _in_session(self, method: str, done: Response) -> Answer:
        if method == "PLAY":
            already, self.playing = self.playing, True
            return Answer(done.adding(Range="npt=now-"), Deed.NOTHING if already else Deed.PLAY, self._camera)
        if method == "PAUSE":
            self.playing = False
            return Answer(done, Deed.PAUSE)
        if method == "TEARDOWN":
            self.playing, self.transport = False, None
            return Answer(done, Deed.TEARDOWN)
        return Answer(done)


def _refusal(request: Request) -> Response | None:
    """For what is not of this protocol, whatever it asks of whom."""
    if request.version != VERSION:
        return Response(505)
    if "require" in request.headers:
        return Response(551).adding(Unsupported=request.headers["require"])
    if request.method not in METHODS:
        return Response(501).adding(Public=", ".join(METHODS))
    return None
