"""How often something may be tried: a bucket of tokens for each who tries. Pure.

Promises: within any stretch of time nobody has more than `burst` tries, and one more each `every_s` seconds;
nobody is locked out for good. The table has a bound: once so many are known whose buckets are not full again,
those who are not share one, so that neither memory nor the limit gives way to who comes under many names.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from sightline.clock import ns

_OTHERS: Final = ""


@dataclass(frozen=True)
class Rate:
    """So many at once, and one more each so many seconds."""

    burst: int
    every_s: float


class Buckets:
    """Of all who try one thing. It has no lock.

    Args:
        rate: of each.
        most: of whom it knows at once.
    """

    def __init__(self, rate: Rate, most: int = 10_000) -> None:
        self._every_ns = ns(rate.every_s)
        self._whole_ns = rate.burst * self._every_ns
        self._most = most
        self._full_at: OrderedDict[str, int] = OrderedDict()
        """When each bucket will be full; one that is not here is. The last who tried stands last."""

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, who: str, now_ns: int) -> float:
        """Try once: 0.0, or the seconds to wait for, and then nothing was taken."""
        key = self._key(who, now_ns)
        full_at = max(self._full_at.get(key, now_ns), now_ns) + self._every_ns
        if full_at - now_ns > self._whole_ns:
            return (full_at - now_ns - self._whole_ns) / 1e9
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        return 0.0

    def give_back(self, who: str) -> None:
        """That try does not count: it was a good one."""
        if who in self._full_at:
            self._full_at[who] -= self._every_ns

    def _key(self, who: str, now_ns: int) -> str:
        if who in self._full_at:
            return who
        while self._full_at and next(iter(self._full_at.values())) <= now_ns:
            self._full_at.popitem(last=False)
        return who if len(self._full_at) < self._most else _OTHERS


def neighbourhood(address: str) -> str:
    """Of whom an address may be: itself, of IPv6 its /64, which one household has whole."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))
