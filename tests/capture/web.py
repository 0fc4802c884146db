"""A web server for tests: files of a folder, with logins and doors that stay shut."""

import base64
import functools
import http.server
import threading
from pathlib import Path
from typing import Any, ClassVar, Self


class Handler(http.server.SimpleHTTPRequestHandler):
    """Below /login it asks for one, /forbidden is; `logins` are those that came."""

    logins: ClassVar[list[str]] = []

    def log_message(self, *_: Any) -> None:
        """Mute."""

    def guess_type(self, path: Any) -> str:
        """What has no suffix is a list whose name does not say so."""
        return super().guess_type(path) if Path(path).suffix else "application/vnd.apple.mpegurl"

    def do_GET(self) -> None:
        login = self.headers.get("Authorization", "")
        self.logins.append(base64.b64decode(login.removeprefix("Basic ")).decode())
        if self.path.startswith("/login") and not login:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="cameras"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path.startswith("/forbidden"):
            self.send_error(403)
        else:
            super().do_GET()


class Web:
    """Usable as a context manager: the files of `folder` under `url`."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        handler = functools.partial(Handler, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
