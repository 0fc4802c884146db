"""Why there is no TLS with a hub, in words: OpenSSL's are for those who know OpenSSL."""

from __future__ import annotations

import ssl
from typing import Final

_OURS: Final = {
    "CERTIFICATE_REQUIRED": "it asks for a certificate, and we show none: give tls_certificate and tls_key",
    "CERTIFICATE_EXPIRED": "the certificate that we show is over",
    "UNKNOWN_CA": "the certificate that we show is signed by nobody whom the hub believes",
    "UNSUPPORTED_CERTIFICATE": "the certificate that we show is not for a client",
    "ALERT": "it does not take the certificate that we show, if any",
    "WRONG_VERSION_NUMBER": "what answers there does not speak TLS",
}
"""By a part of OpenSSL's reason, the most telling first."""
_OTHER_AUTHORITY: Final = {18, 19, 20, 21}  # X509_V_ERR_... of chains that end at none that is believed


def tls_fault(error: ssl.SSLError) -> str:
    """What is wrong, and what OpenSSL said."""
    if isinstance(error, ssl.SSLCertVerificationError):
        told = error.verify_message.rstrip(".")
        other = error.verify_code in _OTHER_AUTHORITY
        return f"its certificate is not to be believed: {told}{' (not signed by tls_ca)' if other else ''}"
    reason = error.reason or ""
    ours = next((words for part, words in _OURS.items() if part in reason), None)
    return str(error) if ours is None else f"{ours} ({reason.lower().replace('_', ' ')})"
