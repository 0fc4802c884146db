"""TLS for tests: certificates, and a server that speaks it in front of one that does not."""

import asyncio
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

HERE = "IP:127.0.0.1"


class Authority:
    """Signs certificates in `folder`; `file` is its own."""

    def __init__(self, folder: Path, openssl: str) -> None:
        self._folder = folder
        self._openssl = openssl
        self.file = folder / "authority.pem"
        may_sign = ["-addext", "keyUsage=critical,keyCertSign"]  # Python 3.13 asks for it
        self._run(
            "req", "-x509", "-days", "2", "-subj", "/CN=an authority", *may_sign, *self._new("authority")
        )

    def certificate(self, names: str, *, days: int = 2) -> ssl.SSLContext:
        """A server's context for `names` such as `IP:127.0.0.1`; with `days=-1` it is over already."""
        name = names.replace(":", "-")
        request, signed = self._folder / f"{name}.csr", self._folder / f"{name}-{days}.pem"
        self._run("req", "-subj", "/CN=a camera", *self._new(name, request))
        extensions = self._folder / f"{name}.cnf"
        extensions.write_text(f"subjectAltName={names}\nauthorityKeyIdentifier=keyid\n")
        key = self._folder / "authority.key"
        signing = ["-CA", self.file, "-CAkey", key, "-CAcreateserial", "-extfile", extensions]
        self._run("x509", "-req", "-in", request, "-days", days, *signing, "-out", signed)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed, self._folder / f"{name}.key")
        return context

    def _new(self, name: str, out: Path | None = None) -> list[object]:
        key = self._folder / f"{name}.key"
        return ["-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", out or self._folder / f"{name}.pem"]

    def _run(self, *command: object) -> None:
        subprocess.run([self._openssl, *map(str, command)], check=True, capture_output=True, timeout=30)


class TlsFront:
    """Usable as a context manager: what comes to `port` over TLS goes on to `target`, in the clear."""

    def __init__(self, target: int, context: ssl.SSLContext) -> None:
        self._target = target
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._over = asyncio.Event()
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._relay, sock=self._listener, ssl=self._context)
        await self._over.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=2) if others else None

    async def _relay(self, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        far, to_far = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            with suppress(asyncio.CancelledError):  # which 3.11 complains of
                await asyncio.gather(_pass_on(near, to_far), _pass_on(far, to_near))
        finally:
            to_far.close()
            to_near.transport.abort()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        sink.close()
