"""Where a RabbitMQ broker is, and which queue of it is meant, as one line of text.

    amqp://USER:PASSWORD@host:5672/vhost?queue=frames&type=quorum
    amqps://USER:PASSWORD@host/vhost?tls_ca=ca.pem&tls_certificate=own.pem&tls_key=own-key.pem

The names of the files may be RabbitMQ's own (`cacertfile`, `certfile`, `keyfile`). TLS always asks who the
broker is: there is no option to believe anybody. No message shows the URL, and the password is told to the
redactor.
"""

from __future__ import annotations

import re
import ssl
from typing import Any, Final, Self
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from sightline.bus.address import options
from sightline.errors import ConfigError
from sightline.log import hide_secret

QUEUE: Final = "frames"
"""Of the queue where the URL names none."""
HEARTBEAT_S: Final = 20
"""A broker that is silent for twice as long is given up, and so are we."""
PORTS: Final = {"amqp": 5672, "amqps": 5671}
KINDS: Final = ("classic", "quorum")

_EXAMPLE: Final = (
    "expected the address of a RabbitMQ such as amqp://user:password@host:5672/vhost?queue=frames"
)
_ALIASES: Final = {"cacertfile": "tls_ca", "certfile": "tls_certificate", "keyfile": "tls_key"}
_TLS: Final = ("tls_ca", "tls_certificate", "tls_key")
OPTIONS: Final = frozenset({*_TLS, *_ALIASES, "queue", "type", "heartbeat_s"})
"""Of a URL."""
# Of the 255 bytes that AMQP 0-9-1 has for a name, some are for what we call its companions.
_NAME: Final = re.compile(r"(?!amq\.)[\w.:-]{1,200}", re.ASCII)
_MOST_HEARTBEAT_S: Final = 600


class RabbitAddress(msgspec.Struct, frozen=True, kw_only=True):
    """A queue on a broker.

    Attributes:
        vhost: RabbitMQ's virtual host; "/" where the URL names none.
        tls: whether it is spoken within TLS; `tls_ca`, `tls_certificate` and `tls_key` are files in PEM form,
            without the first those count whom this machine trusts.
        queue: its name.
        kind: "classic", or "quorum" for one that several nodes keep.
        heartbeat_s: how often either side says that it lives.
    """

    host: str
    port: int
    vhost: str
    user: str
    password: str
    tls: bool
    tls_ca: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    queue: str = QUEUE
    kind: str = "classic"
    heartbeat_s: int = HEARTBEAT_S

    @classmethod
    def of(cls, url: str) -> Self:
        """The parts of `url`.

        Raises:
            ConfigError: it is no such URL; the message shows neither it nor a secret.
        """
        parts, port = _split(url)
        given = {_ALIASES.get(name, name): value for name, value in options(parts.query, OPTIONS).items()}
        tls = parts.scheme == "amqps"
        if not tls and (wrong := sorted(given.keys() & set(_TLS))):
            raise ConfigError(f"expected amqps:// where {', '.join(wrong)} is given, got amqp://")
        password = unquote(parts.password or "guest")
        if parts.password:
            hide_secret(password)
        return cls(
            host=parts.hostname or "",
            port=port,
            vhost=unquote(parts.path[1:]) or "/",
            user=unquote(parts.username or "guest"),
            password=password,
            tls=tls,
            queue=_name(given.pop("queue", QUEUE)),
            kind=_one_of(given.pop("type", KINDS[0])),
            heartbeat_s=_seconds(given.pop("heartbeat_s", str(HEARTBEAT_S))),
            **given,
        )

    @property
    def shown(self) -> str:
        """What people are told: the queue and where it is, without user and password."""
        scheme, host = "amqps" if self.tls else "amqp", f"[{self.host}]" if ":" in self.host else self.host
        return f"queue {self.queue!r} at {scheme}://{host}:{self.port}/{self.vhost.removeprefix('/')}"

    def context(self) -> ssl.SSLContext | None:
        """What TLS is spoken with. Raises ConfigError where a file cannot be used."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.tls_ca)
            if self.tls_certificate:
                context.load_cert_chain(self.tls_certificate, self.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"cannot speak TLS with {self.shown}: its files in PEM form: {error}"
            ) from error
        return context


def _split(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError(f"{_EXAMPLE}; its port or its brackets are wrong") from None
    if parts.scheme not in PORTS or not parts.hostname or parts.fragment or "/" in parts.path[1:]:
        raise ConfigError(f"{_EXAMPLE}; what is in names and passwords and is no letter or digit as %XX")
    return parts, port or PORTS[parts.scheme]


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ConfigError(
            f"expected the name of a queue, of 200 letters, digits or . : _ -, got {text[:50]!r}"
        )
    return text


def _one_of(text: str) -> str:
    if text not in KINDS:
        raise ConfigError(f"expected a type of queue of {', '.join(KINDS)}, got {text[:50]!r}")
    return text


def _seconds(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text[:5]) <= _MOST_HEARTBEAT_S):
        raise ConfigError(f"expected a heartbeat_s of 1 to {_MOST_HEARTBEAT_S}, got {text[:20]!r}")
    return int(text)


def parameters(address: RabbitAddress) -> Any:
    """What pika is told."""
    import pika  # noqa: PLC0415 - of an extra

    context = address.context()
    return pika.ConnectionParameters(
        host=address.host,
        port=address.port,
        virtual_host=address.vhost,
        credentials=pika.PlainCredentials(address.user, address.password),
        heartbeat=address.heartbeat_s,
        ssl_options=None if context is None else pika.SSLOptions(context, address.host),
        client_properties={"connection_name": f"sightline framequeue {address.queue}"},
    )
