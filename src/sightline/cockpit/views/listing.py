"""A list in pages: what its address asks for, and the addresses of its other pages.

Promises: whatever stands in an address, a list comes of it: what is not known or wrong there is passed over.

Deliberately not here: how rows are found; that is the store's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

SIZES: Final = (50, 100, 250, 1000)
_YES: Final = {"yes": True, "no": False}
_MOST_TEXT: Final = 500
_MOST_PAGE: Final = 10**6


class Listing:
    """Of one request.

    Args:
        path: of the page.
        query: what stands in its address.
        filters: names of what may be asked for; `choices`: what may stand there, of those that name it.
        sorts: by what it may be sorted.
    """

    def __init__(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        filters: Sequence[str],
        sorts: Sequence[str] = (),
        choices: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._path = path
        said = {name: query.get(name, "").strip()[:_MOST_TEXT] for name in filters}
        allowed = choices or {}
        self.filters = {
            name: text
            for name, text in said.items()
            if text and "\x00" not in text and text in allowed.get(name, [text])
        }
        self.sort = self._known_sort(query.get("sort", ""), sorts)
        size = _number(query.get("size", ""))
        self.size = size if size in SIZES else SIZES[0]
        self.page = min(max(1, _number(query.get("page", ""))), _MOST_PAGE)
        self.total = 0

    @staticmethod
    def _known_sort(text: str, sorts: Sequence[str]) -> str:
        return text if text.removeprefix("-") in sorts else sorts[0] if sorts else ""

    def asked(self) -> dict[str, Any]:
        """For the store: filters, and which part."""
        yes_or_no = {
            name: _YES[text] for name, text in self.filters.items() if name == "enabled" and text in _YES
        }
        part: dict[str, Any] = {"offset": (self.page - 1) * self.size, "limit": self.size}
        return {**self.filters, **yes_or_no, **part, **({"sort": self.sort} if self.sort else {})}

    def found(self, total: int) -> bool:
        """So many fit; False: this page is behind the last one, which is it now: ask again."""
        self.total = total
        last = self.pages
        if self.page <= last:
            return True
        self.page = last
        return False

    @property
    def pages(self) -> int:
        """How many there are: at least one."""
        return max(1, -(-self.total // self.size))

    @property
    def first_row(self) -> int:
        """The number of the first row on this page."""
        return (self.page - 1) * self.size + 1 if self.total else 0

    @property
    def last_row(self) -> int:
        """The number of the last row on this page."""
        return min(self.page * self.size, self.total)

    @property
    def here(self) -> str:
        """The address of this page of the list."""
        return self.at()

    def at(self, **other: Any) -> str:
        """The address of the same list with something else: but for another page, from the first page on."""
        usual = {"page": 1, "size": SIZES[0]}
        now = {**self.filters, "sort": self.sort, "page": self.page, "size": self.size}
        if other.keys() - {"page"}:
            now["page"] = 1
        said = {name: value for name, value in {**now, **other}.items() if value and value != usual.get(name)}
        return f"{self._path}?{urlencode(said)}" if said else self._path

    def sorted_by(self, name: str) -> str:
        """The address of the list by this column; by the same one again it is turned round."""
        return self.at(sort=f"-{name}" if self.sort == name else name)

    def direction(self, name: str) -> str:
        """As `aria-sort` has it."""
        return {name: "ascending", f"-{name}": "descending"}.get(self.sort, "none")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
