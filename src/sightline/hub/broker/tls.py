"""The hub's end of TLS: what it shows, whom it lets in, and that a client hears why it is not.

With TLS 1.3 a client's certificate is judged when the client has its handshake behind it. asyncio and uvloop
then close without sending the alert that says what is wrong; here it goes out first.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.hub.settings import ServerSettings


def server_tls(settings: ServerSettings, refused: Callable[[str], object]) -> ssl.SSLContext | None:
    """None: no TLS. `refused` is told why a client did not come in. Raises ConfigError for a wrong file."""
    if settings.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslobject_class = _told(refused)
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
        if settings.tls_client_ca is not None:
            context.load_verify_locations(settings.tls_client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"cannot use the certificate files: {error}") from error
    return context


def _told(refused: Callable[[str], object]) -> type[ssl.SSLObject]:
    class Told(ssl.SSLObject):
        """A handshake that fails says that it needs more: then what it has to say is sent, the alert.

        The client closes when it has read that. One that goes on talking gets the error, and one that
        stays silent reaches the end of the time that a handshake may take.
        """

        _failure: ssl.SSLError | None = None

        def do_handshake(self) -> None:
            if self._failure is not None:
                raise self._failure
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                self._failure = error
                refused(getattr(error, "verify_message", "") or error.reason or str(error))
                raise ssl.SSLWantReadError from None

    return Told
