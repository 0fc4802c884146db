"""A worker's site as the text of a site file, which reads as just the values that it was made of.

It is JSON, which YAML reads, with what YAML alone minds written as numbers. Dollars are doubled, as a site
file has it, so that none begins a variable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from sightline.errors import ConfigError

_MINDED: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def site_text(site: Mapping[str, Any], terms: Mapping[str, int]) -> str:
    """With the term of each camera that has one. Raises ConfigError for a number that JSON does not have."""
    whole = {**site, "cameras": _with_terms(site.get("cameras"), terms)} if terms else site
    try:
        text = json.dumps(_literal(whole), ensure_ascii=False, indent=1, allow_nan=False)
    except ValueError:
        raise ConfigError("expected numbers in a worker's site, got one that is none or infinite") from None
    return _MINDED.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def _with_terms(cameras: Any, terms: Mapping[str, int]) -> Any:
    if not isinstance(cameras, Mapping):
        return cameras
    return {name: _with_term(camera, terms.get(name)) for name, camera in cameras.items()}


def _with_term(camera: Any, term: int | None) -> Any:
    if term is None:
        return camera
    settings = camera if isinstance(camera, Mapping) else {"url": camera}
    return {"term": term, **settings}


def _literal(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {str(key): _literal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_literal(item) for item in value]
    return value
