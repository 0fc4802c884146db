"""A Redis server in a folder of its own, ready in hundredths of a second: with or without its memory on disk.

It serves 127.0.0.1 only. What is deliberately not here: clusters, replicas and sentinels.
"""

import json
import socket
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from tools.services.certificates import Certificates
from tools.services.ports import free_port
from tools.services.process import Process
from tools.services.server import Server
from tools.services.service import Service, apt, on_path

Persistence = Literal["none", "snapshots", "always"]

# What each keeps through a kill: nothing; what the last snapshot has; all that was answered.
_KEPT: dict[Persistence, dict[str, str]] = {
    "none": {"save": '""', "appendonly": "no"},
    "snapshots": {"save": "60 1", "appendonly": "no"},
    "always": {"save": '""', "appendonly": "yes", "appendfsync": "always"},
}


class RedisServer(Server):
    """A server on a port of its own, which it keeps, with what is on disk, when it is killed and started.

    Usable as a context manager: started on entry, stopped on exit.
    """

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        *,
        persistence: Persistence = "none",
        maxmemory_bytes: int = 0,
        policy: str = "noeviction",
        password: str = "",
        users: Mapping[str, str] | None = None,
        certificates: Certificates | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Writes its settings into `folder`, which must exist; what it keeps is there too.

        Args:
            folder: a server's own, kept between starts.
            port: where clients come; 0 for a free one.
            persistence: what is kept: `none` of it; `snapshots`, each minute and when it is stopped; or
                `always` all, written to disk (AOF) before it is answered.
            maxmemory_bytes: how much it holds; 0 for no limit.
            policy: what goes when that is reached: `noeviction`, `allkeys-lru`, ...
            password: of the user `default`.
            users: rules of more users by name, as `ACL SETUSER` takes them: `on >secret ~frames:* +@all`.
            certificates: it speaks TLS alone, with these.
            settings: more of its own settings by their names; they go before ours.
        """
        self.port = port or free_port()
        self._password = password
        self._certificates = certificates
        chosen = {
            "bind": "127.0.0.1",
            "dir": json.dumps(str(folder)),
            "daemonize": "no",
            **(_over_tls(self.port, certificates) if certificates else {"port": str(self.port)}),
            **_KEPT[persistence],
            "maxmemory": str(maxmemory_bytes),
            "maxmemory-policy": policy,
            **({"requirepass": json.dumps(password)} if password else {}),
            **(settings or {}),
        }
        lines = [f"{name} {value}\n" for name, value in chosen.items()]
        lines += [f"user {name} {rules}\n" for name, rules in (users or {}).items()]
        path = folder / "redis.conf"
        path.write_text("".join(lines))
        path.chmod(0o600)
        self._process = Process("redis", [REDIS.find() or REDIS.name, str(path)], folder, ready=self._answers)

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self.port}"

    def url(self, user: str = "", password: str = "", *, database: int = 0) -> str:
        """What clients are told; as the user `default`, with its password, unless another is named."""
        password = password if user else self._password
        login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""
        if self._certificates is None:
            return f"redis://{login}{self.address}/{database}"
        believed = quote(str(self._certificates.authority), safe="/")
        return f"rediss://{login}{self.address}/{database}?ssl_ca_certs={believed}"

    def _answers(self) -> bool:
        """Whether it says PONG: while it still reads its files, it says LOADING."""
        words = [["AUTH", self._password]] if self._password else []
        try:
            with self._connected() as connection, connection.makefile("rb") as said:
                connection.sendall(b"".join(map(_asked, [*words, ["PING"]])))
                return [said.readline() for _ in (*words, "PING")][-1] == b"+PONG\r\n"
        except OSError:
            return False

    def _connected(self) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=2.0)
        if self._certificates is None:
            return plain
        believes = ssl.create_default_context(cafile=str(self._certificates.authority))
        return believes.wrap_socket(plain, server_hostname="127.0.0.1")


def _over_tls(port: int, certificates: Certificates) -> dict[str, str]:
    """Clients show no certificate of theirs."""
    files = {
        "tls-ca-cert-file": certificates.authority,
        "tls-cert-file": certificates.certificate,
        "tls-key-file": certificates.key,
    }
    quoted = {name: json.dumps(str(path)) for name, path in files.items()}
    return {"port": "0", "tls-port": str(port), "tls-auth-clients": "no", **quoted}


def _asked(words: Sequence[str]) -> bytes:
    """A command in Redis's protocol (RESP)."""
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


REDIS = Service(
    name="redis",
    purpose="pictures held in memory",
    look=on_path("redis-server", "/usr/bin/redis-server"),
    install=(apt("redis-server"),),
    variable="SIGHTLINE_REDIS_SERVER",
)
