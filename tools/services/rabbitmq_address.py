"""Where a RabbitMQ broker is, and what its management API says: nothing of it depends on who started it."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote
from uuid import uuid4

USER, PASSWORD = "tests", "of tests"
ANSWERS_WITHIN_S = 30.0


@dataclass(frozen=True)
class RabbitMqAddress:
    """Where a broker is, and whom it lets in: all that a client or another process needs."""

    port: int
    management_port: int
    user: str = USER
    password: str = PASSWORD
    authority: str = ""

    def url(self, vhost: str = "/") -> str:
        """What clients are told."""
        scheme, options = (
            ("amqps", f"?cacertfile={quote(self.authority)}") if self.authority else ("amqp", "")
        )
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"{scheme}://{login}@127.0.0.1:{self.port}/{quote(vhost, safe='')}{options}"

    def _headers(self) -> dict[str, str]:
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {login}", "Content-Type": "application/json"}

    @property
    def management_url(self) -> str:
        """Its page for people."""
        return f"http://127.0.0.1:{self.management_port}"

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Calls the management API: `ask("GET", "/api/queues")`.

        Raises:
            OSError: no connection.
            HTTPException: it spoke no HTTP, or refused; the message has what it said.
        """
        connection = HTTPConnection("127.0.0.1", self.management_port, timeout=ANSWERS_WITHIN_S)
        try:
            connection.request(method, path, json.dumps(body or {}), self._headers())
            response = connection.getresponse()
            said = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise HTTPException(f"{method} {path}: {response.status} {said.decode(errors='replace')}")
        return json.loads(said) if said else None

    @contextmanager
    def vhost(self) -> Iterator[str]:
        """A virtual host of one's own: its URL. It goes at the end, with all that is in it."""
        name = f"test-{uuid4().hex}"
        self.ask("PUT", f"/api/vhosts/{name}")
        try:
            everything = {"configure": ".*", "write": ".*", "read": ".*"}
            self.ask("PUT", f"/api/permissions/{name}/{quote(self.user, safe='')}", everything)
            yield self.url(name)
        finally:
            self.ask("DELETE", f"/api/vhosts/{name}")
