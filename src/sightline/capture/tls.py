"""Whom to believe at the other end of TLS: `rtsps://` and `https://`.

libav checks no certificate unless it is told to, and the library that the PyAV wheel brings for it knows
no authorities; so it is told, and given those that the machine believes, or those that the user names.
What libav says of a certificate that it does not like is "input/output error": `fault` asks the server
once more, through Python's ssl, which says why.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from sightline.errors import ConfigError, SightlineError, Unreachable, Untrusted

if TYPE_CHECKING:
    from sightline.capture.camera import CameraInput

Tls: TypeAlias = Literal["verify", "trust"]

_PORTS: Final = {"https": 443, "rtsps": 322}  # RFC 9110 4.2.2, RFC 7826 22.8.1
# Debian and Alpine, Fedora and its kin, macOS.
_AUTHORITIES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


def check(camera: CameraInput) -> None:
    """Raises ConfigError for settings that contradict each other."""
    wrong = None
    if camera.tls not in {"verify", "trust"}:
        wrong = f"expected tls verify or trust, got {camera.tls!r}"
    elif camera.tls == "trust" and camera.tls_ca_file is not None:
        wrong = "expected tls verify with tls_ca_file, got trust, which looks at no certificate"
    elif camera.transport == "udp" and camera.url.lower().startswith("rtsps:"):
        wrong = "expected transport tcp with rtsps://, which has all in one TLS connection, got udp"
    if wrong is not None:
        raise ConfigError(wrong, camera_id=camera.camera_id)


def options(camera: CameraInput) -> dict[str, str]:
    """What libav is told about certificates."""
    if camera.tls == "trust":
        return {"tls_verify": "0"}
    file = _authorities(camera)
    return {"tls_verify": "1", **({"ca_file": file} if file else {})}


def is_checked(camera: CameraInput) -> bool:
    """Whether whoever answers as `camera` has to prove who it is."""
    return camera.tls == "verify" and urlsplit(camera.url).scheme.lower() in _PORTS


def fault(camera: CameraInput) -> SightlineError | None:
    """What is wrong with the TLS of `camera`; None where nothing is, or nothing can be found out."""
    address = urlsplit(camera.url)
    port = _PORTS.get(address.scheme.lower())
    if port is None or address.hostname is None:
        return None
    try:
        checking = context(camera)
    except OSError:  # ssl.SSLError is one, too
        said = f"expected certificates in PEM in the file {_authorities(camera)}"
        return ConfigError(said, camera_id=camera.camera_id)
    try:
        with socket.create_connection(
            (address.hostname, address.port or port), camera.open_timeout_s
        ) as plain:
            return _handshake(checking, plain, address.hostname, camera)
    except OSError:  # the network, or a name that does not resolve
        return None


def _handshake(
    checking: ssl.SSLContext, plain: socket.socket, host: str, camera: CameraInput
) -> SightlineError | None:
    try:
        checking.wrap_socket(plain, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        return untrusted(error, camera)
    except ssl.SSLError:
        return Unreachable(f"no TLS is spoken by {camera.described}", camera_id=camera.camera_id)
    return None


def untrusted(error: ssl.SSLCertVerificationError, camera: CameraInput) -> Untrusted:
    said = (
        f"the certificate of {camera.described} is not trusted: {error.verify_message.rstrip('.')}; "
        "tls_ca_file names whom to believe, and tls: trust believes whoever answers"
    )
    return Untrusted(said, camera_id=camera.camera_id)


def context(camera: CameraInput) -> ssl.SSLContext:
    """Python's way to check `camera` as `options` are libav's. Raises OSError for a wrong file."""
    made = ssl.create_default_context(cafile=_authorities(camera))
    if camera.tls == "trust":
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def _authorities(camera: CameraInput) -> str | None:
    """The file of those who are believed."""
    if camera.tls_ca_file is not None:
        return str(camera.tls_ca_file)
    known = (ssl.get_default_verify_paths().cafile, *_AUTHORITIES)
    return next((file for file in known if file and Path(file).is_file()), None)
