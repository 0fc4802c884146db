"""An RTSP server that plays files of access units as cameras; the program behind `rtsp.py`.

Runs under the system's Python (PyGObject and gst-rtsp-server come from the distribution) and uses nothing
but the standard library besides. `rtsp_program.py SETTINGS` reads one JSON file; lines on standard input
are commands (`freeze MOUNT`, `thaw MOUNT`), and their end is the end of the program, so that it cannot
outlive who started it. `rtsp_program.py --check` exits with 0 where everything it needs is installed.

Every client has a run of its own through the file, from the first access unit on: two readers of one mount
count the same pictures, whenever they come. Nothing is encoded here and no byte is changed.
"""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402  (versions come first)

PAYLOADERS = {
    "h264": ("video/x-h264,stream-format=byte-stream,alignment=au", "rtph264pay aggregate-mode=none pt=96"),
    "hevc": ("video/x-h265,stream-format=byte-stream,alignment=au", "rtph265pay aggregate-mode=none pt=96"),
    "mjpeg": ("image/jpeg,width={width},height={height},framerate=0/1", "rtpjpegpay pt=26"),
}
VERDICTS = {True: Gst.PadProbeReturn.DROP, False: Gst.PadProbeReturn.REMOVE}
EVERYBODY = "everybody"
CLEANUP_EVERY_S = 5


class Mount:
    """One camera: its access units in sending order, when each is shown, and whether it sends now."""

    def __init__(self, settings: dict[str, Any]) -> None:
        data = Path(settings["data"]).read_bytes()
        self.shown: list[int] = settings["shown"]  # the place of each unit in the order of showing
        self.units = list(_cut(data, settings["sizes"]))
        self.frame_ns: int = Gst.SECOND * settings["fps"][1] // settings["fps"][0]
        self.late_ns: int = self.frame_ns * max(place - index for index, place in enumerate(self.shown))
        self.loop: bool = settings["loop"]
        self.user: str | None = settings["user"]
        self.frozen: bool = settings["frozen"]
        caps, payloader = PAYLOADERS[settings["codec"]]
        self.launch = (
            f"( appsrc name=source is-live=true format=time caps={caps.format(**settings)}"
            f" ! {payloader} name=pay0 perfect-rtptime=false )"
        )

    def unit(self, index: int) -> tuple[bytes, int]:
        """The unit to send as number `index`, and its time of showing in ns from the start."""
        turn, place = divmod(index, len(self.units))
        return self.units[place], (turn * len(self.units) + self.shown[place]) * self.frame_ns


class Run:
    """One client's run through a mount.

    A picture's RTP time is the moment at which a camera would have taken it. With B-frames a camera sends
    some pictures before others that were taken earlier, hence each of them `late_ns` after it was taken;
    the run does likewise, so that no stamp lies in the future and stamps go back and forth as they do.
    """

    def __init__(self, mount: Mount, media: Any) -> None:
        self.mount = mount
        self.source = media.get_element().get_by_name("source")
        self.index = 0
        self.begun = False
        self.start_ns = 0
        self.ended = False
        self.held_back = mount.frozen  # since it began; the client has got nothing so far
        self.source.connect("need-data", self._begin)
        media.connect("unprepared", self._end)
        if self.held_back:
            media.connect("prepared", self._hold_back)

    def _begin(self, *_: object) -> None:
        if not self.begun:
            self.begun = True
            self.start_ns = self._now_ns()
            GLib.idle_add(self._first)

    def _end(self, *_: object) -> None:
        self.ended = True

    def _hold_back(self, media: Any) -> None:
        """Stops what comes past the point where the first unit waits for PLAY: it must come that far."""
        pipeline = media.get_element().get_parent()
        (rtp_bin,) = (child for child in pipeline.children if child.get_factory().get_name() == "rtpbin")
        kinds = Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST
        for pad in rtp_bin.srcpads:
            if pad.get_name().startswith("send_rtp_src"):
                pad.add_probe(kinds, lambda *_: VERDICTS[self.held_back])

    def _now_ns(self) -> int:
        return int(self.source.get_current_running_time())

    def _first(self) -> bool:
        self._push()  # whatever holds the mount: DESCRIBE is answered from the first unit
        return self._send()

    def _send(self) -> bool:
        """Sends every unit that is due, and comes back when the next one is."""
        while not self.ended:
            if self.mount.frozen:
                self._wait_for_thaw()
                break
            if self.held_back:
                self.held_back, self.index, self.start_ns = False, 0, self._now_ns()
            wait_ns = self._due_ns() - self._now_ns()
            if wait_ns > 0:
                self._come_back(wait_ns)
                break
            self._push()
        return bool(GLib.SOURCE_REMOVE)

    def _due_ns(self) -> int:
        return self.start_ns + self.index * self.mount.frame_ns + self.mount.late_ns

    def _wait_for_thaw(self) -> None:
        self.start_ns += self._now_ns() - self._due_ns()  # what comes after the thaw is taken after it
        self._come_back(self.mount.frame_ns)

    def _come_back(self, after_ns: int) -> None:
        GLib.timeout_add(max(1, after_ns // Gst.MSECOND), self._send)

    def _push(self) -> None:
        unit, shown_ns = self.mount.unit(self.index)
        buffer = Gst.Buffer.new_wrapped(unit)
        buffer.pts = self.start_ns + shown_ns
        self.index += 1
        self.ended = self.source.emit("push-buffer", buffer) != Gst.FlowReturn.OK
        if not self.mount.loop and self.index == len(self.mount.units):
            self.source.emit("end-of-stream")
            self.ended = True


def _cut(data: bytes, sizes: list[int]) -> Any:
    start = 0
    for size in sizes:
        yield data[start : start + size]
        start += size


def _factory(mount: Mount) -> Any:
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(mount.launch)
    factory.set_shared(False)
    factory.connect("media-configure", lambda _factory, media: Run(mount, media))
    permissions = GstRtspServer.RTSPPermissions()
    # Everybody may know of every mount: without that a wrong password would be answered with 404, not 401.
    for role in {EVERYBODY, mount.user or EVERYBODY}:
        permissions.add_permission_for_role(role, GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS, True)
        may_open = mount.user is None or role == mount.user
        permissions.add_permission_for_role(role, GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, may_open)
    factory.set_permissions(permissions)
    return factory


def _token(role: str) -> Any:
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, role)
    return token


def _logins(users: dict[str, str]) -> Any:
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    auth.set_default_token(_token(EVERYBODY))
    for user, password in users.items():
        auth.add_digest(user, password, _token(user))
    return auth


def _obey(mounts: dict[str, Mount], quit_: Any) -> Any:
    def on_input(channel: Any, _condition: Any) -> bool:
        line = channel.readline()
        if not line:
            quit_()
            return False
        verb, name = line.split()
        mounts[name].frozen = verb == "freeze"
        print(line.strip(), flush=True)
        return True

    return on_input


def serve(settings: dict[str, Any]) -> None:
    """Serves until told to end.

    Raises:
        OSError: the port is taken.
    """
    mounts = {name: Mount(mount) for name, mount in settings["mounts"].items()}
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(settings["port"]))
    # A thread a client: otherwise one that waits for the answer to its DESCRIBE stops all the others.
    server.get_thread_pool().set_max_threads(-1)
    server.set_auth(_logins(settings["users"]))
    for name, mount in mounts.items():
        server.get_mount_points().add_factory(f"/{name}", _factory(mount))
    if not server.attach(None):
        raise OSError(f"cannot listen on 127.0.0.1:{settings['port']}")
    loop = GLib.MainLoop()
    for number in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, loop.quit)
    GLib.timeout_add_seconds(CLEANUP_EVERY_S, lambda: server.get_session_pool().cleanup() >= 0)
    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, _obey(mounts, loop.quit))
    print(f"serving {', '.join(mounts)} on port {settings['port']}", flush=True)
    loop.run()


def check() -> int:
    """0 where every GStreamer element that serving needs is installed, else 1 and their names."""
    elements = ["appsrc", "rtpbin", "udpsink", *(launch.split()[0] for _, launch in PAYLOADERS.values())]
    lacking = [element for element in elements if Gst.ElementFactory.find(element) is None]
    if lacking:
        print("missing GStreamer elements:", *lacking)
    return bool(lacking)


if __name__ == "__main__":
    Gst.init(None)
    if sys.argv[1] == "--check":
        sys.exit(check())
    serve(json.loads(Path(sys.argv[1]).read_text()))
