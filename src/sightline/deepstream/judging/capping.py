"""Findings of a file that has very many: the first of each sort, and how many more there are.

Promises: what is left has a refusal where all of them had one, so that `would_load` says the same of it.

Deliberately not here: their order; which are the first is for the caller to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from sightline.deepstream.findings import Finding, Severity, What

MOST = 1000  # of one sort: a deployment that DeepStream loads has fewer, and nobody reads on

_Sort = tuple[Severity, What]


def capped(found: Iterable[Finding], most: int = MOST) -> tuple[Finding, ...]:
    """The first `most` of each severity and kind, and behind the last of them a word of the others."""
    return tuple(_capped(found, most))


def _capped(found: Iterable[Finding], most: int) -> Iterator[Finding]:
    counts: Counter[_Sort] = Counter()
    last: dict[_Sort, Finding] = {}
    for finding in found:
        sort = (finding.severity, finding.what)
        counts[sort] += 1
        last[sort] = finding
        if counts[sort] <= most:
            yield finding
    for sort, finding in last.items():
        if counts[sort] > most:
            yield more(finding, counts[sort] - most)


def more(last: Finding, count: int) -> Finding:
    """That there are `count` more of the sort of `last`, which is the last of them."""
    line = f", the last one in line {last.line}" if last.line else ""
    told = f"{count} more of this sort are not shown{line}"
    return Finding(last.severity, last.what, told, line=last.line, file=last.file)
