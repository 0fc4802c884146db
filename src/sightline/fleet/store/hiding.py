"""What of a value may not be shown, and the way back from what was shown.

Rows are read, changed and written back by people and programs: where `***` comes back at the place at which
it was shown, it means what it hid.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from sightline.log import HIDDEN, Redactor

_TELLING: Final = 8
"""Letters of a password from which it is looked for in other texts: `admin` stands in many."""


def shown(value: Any, secrets: Iterable[str] = ()) -> Any:
    """`value` without what looks like a secret, and without these."""
    redactor = Redactor()
    for secret in secrets:
        if len(secret) >= _TELLING:
            redactor.hide(secret)
    return redactor.value(value)


def restored(came: Any, was: Any, as_shown: Any) -> Any:
    """`came`, with what it has as it was shown put back to what it was."""
    if came == as_shown:
        return was
    if isinstance(came, dict) and isinstance(was, dict) and isinstance(as_shown, dict):
        return {key: restored(value, was.get(key), as_shown.get(key, value)) if key in was else value
                for key, value in came.items()}  # fmt: skip
    if isinstance(came, list) and isinstance(was, list) and len(came) == len(was) == len(as_shown or ()):
        return [restored(*three) for three in zip(came, was, as_shown, strict=True)]
    return came


def still_hidden(value: Any) -> bool:
    """Whether there is a `***` somewhere that hid nothing: it would be taken for the secret itself."""
    if isinstance(value, dict):
        return any(map(still_hidden, value.values()))
    if isinstance(value, list):
        return any(map(still_hidden, value))
    return isinstance(value, str) and HIDDEN in value


def without_secrets(raw: Any, model: Any) -> Any:
    """`raw`, of which `model` was made, with `***` for what the model holds as a secret."""
    if isinstance(model, SecretStr):
        return HIDDEN
    if isinstance(model, BaseModel) and isinstance(raw, dict):
        by_key = {
            field.alias or name: getattr(model, name) for name, field in type(model).model_fields.items()
        }
        return {key: without_secrets(value, by_key.get(key)) for key, value in raw.items()}
    if isinstance(model, dict) and isinstance(raw, dict):
        return {key: without_secrets(value, model.get(key)) for key, value in raw.items()}
    if isinstance(model, list | tuple) and isinstance(raw, list) and len(raw) == len(model):
        return [without_secrets(*both) for both in zip(raw, model, strict=True)]
    return raw


def secrets_in(model: Any) -> Iterable[str]:
    """The secrets that a model holds."""
    if isinstance(model, SecretStr):
        yield model.get_secret_value()
    elif isinstance(model, BaseModel):
        yield from secrets_in(dict(model))
    elif isinstance(model, dict):
        yield from secrets_in(list(model.values()))
    elif isinstance(model, list | tuple):
        for item in model:
            yield from secrets_in(item)
