"""Proofs that somebody knows a secret, without telling it: HMAC-SHA256 (RFC 2104) with the secret's digest.

What is signed holds a nonce of the one who checks, so that a proof that was overheard is worth nothing in
another connection. Checks take the same time however wrong a proof is.
"""

from __future__ import annotations

import hashlib
import hmac


def proof(key_digest: bytes, *parts: bytes) -> bytes:
    """What shows that one knows the secret behind `key_digest`, for these parts one behind the other."""
    return hmac.digest(key_digest, b"".join(parts), hashlib.sha256)


def is_proven(given: bytes | None, key_digest: bytes, *parts: bytes) -> bool:
    return given is not None and hmac.compare_digest(given, proof(key_digest, *parts))
