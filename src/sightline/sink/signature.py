"""The signature on what the `webhook` sink sends: `Sightline-Signature: t=1795217550,v1=5f1d...`.

`t` is when it was signed, in UTC seconds; `v1` is HMAC-SHA256 (RFC 2104) of `t`, a dot and the body, in hex,
under the secret that both sides know. `verify` is for receivers in Python and needs nothing but the standard
library; one in another language does the same in a few lines.

It proves who wrote the body and when. It does not hide the body: that is what https is for.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from sightline.clock import NS_PER_S, SYSTEM_CLOCK, Clock

HEADER: Final = "Sightline-Signature"
# Other schemes may stand beside v1 one day, and v1 more than once while a secret is changed.
_FORM: Final = re.compile(r"t=(?P<at>\d{1,12})(?P<sums>(?:,v\d+=[0-9a-f]{1,256})+)", re.ASCII)


def sign(body: bytes, secret: str, at_s: int) -> str:
    """The header's value for `body`, signed at `at_s` (UTC seconds)."""
    return f"t={at_s},v1={_sum(body, secret, str(at_s))}"


def verify(
    body: bytes, header: str | None, secret: str, *, tolerance_s: float = 300, clock: Clock = SYSTEM_CLOCK
) -> bool:
    """Whether `body` is what somebody who knows `secret` signed, at most `tolerance_s` seconds ago or ahead.

    `body` is the request's, byte for byte as it came; `header` the value of `Sightline-Signature`, None where
    there is none.
    """
    form = _FORM.fullmatch(header or "")
    if form is None or abs(clock.utc_ns() / NS_PER_S - int(form["at"])) > tolerance_s:
        return False
    right = _sum(body, secret, form["at"])
    given = [part.removeprefix("v1=") for part in form["sums"].split(",") if part.startswith("v1=")]
    return any(hmac.compare_digest(right, one) for one in given)


def _sum(body: bytes, secret: str, at: str) -> str:
    return hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
