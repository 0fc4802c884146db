"""The address of a camera, which may hold its password and never shows it.

Promises: `str`, `repr`, `format` and what pydantic says of a wrong one are without user and password;
`unicode_string()` is the address as it is, for whoever opens the camera, and JSON has that too, because the
fleet sends it to the agents. The password is told to the one redactor, so that no log line shows it either.
What people leave unencoded in a password (`#`, `?`, `/`, `@`) is encoded before pydantic's AnyUrl reads it,
as far as that can be told (`generating.addresses`).

Deliberately not here: whether somebody answers there.
"""

from __future__ import annotations

from typing import Any, Self
from urllib.parse import unquote

from pydantic import (
    AnyUrl,
    GetCoreSchemaHandler,
    SerializationInfo,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
)
from pydantic_core import CoreSchema, core_schema

from sightline.deepstream.generating.addresses import encoded
from sightline.errors import ConfigError
from sightline.log import HIDDEN, hide_secret, redact


class Address(AnyUrl):
    """An `AnyUrl` whose text is without its secrets."""

    def __init__(self, url: str | AnyUrl) -> None:
        try:
            # Not pydantic's own: that of 2.10.0 puts one within another, which is then equal to no third.
            self._url = TypeAdapter(type(self)).validate_python(url)._url  # noqa: SLF001 - of the same class
        except ValidationError as error:
            told = error.errors(include_input=False)[0]["msg"]
            raise ConfigError(f"expected an address such as rtsp://host/path: {told}") from None

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        """Made anew where it is unpickled, as that process's redactor is to know the password as well."""
        return type(self), (self.unicode_string(),)

    def __str__(self) -> str:
        text = self.unicode_string()
        scheme, _, rest = text.partition("://")
        # Up to the *last* @, as a password that was not encoded may have become a part of the path.
        _, at, shown = rest.rpartition("@")
        return redact(f"{scheme}://{HIDDEN}@{shown}" if at else text)

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __len__(self) -> int:
        return len(self.unicode_string())

    def encoded_string(self) -> str:
        """The address as it is; its host as DNS has it."""
        return str(self._url)

    @classmethod
    def __get_pydantic_core_schema__(
        cls,
        source: type[Self],  # type: ignore[override]
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            cls._read,
            core_schema.url_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(_written, info_arg=True),
        )

    @classmethod
    def _read(cls, value: Any, validate: ValidatorFunctionWrapHandler) -> Self:
        if isinstance(value, cls):
            return value
        text = value.unicode_string() if isinstance(value, AnyUrl) else value
        made = cls.__new__(cls)
        made._url = validate(encoded(text.strip()) if isinstance(text, str) else text)  # noqa: SLF001 - a subclass, as pydantic's own are made
        # `admin:geheim@host` would be one of the scheme admin.
        if not made.unicode_string().startswith(f"{made.scheme}://"):
            raise ValueError("expected an address with :// behind its scheme, such as rtsp://host/path")
        if made.scheme == "file" and (made.host or "") not in str(text):  # it stands for the first folder
            raise ValueError(
                "expected file:///path, as the first part of a relative one is changed as a host is"
            )
        for form in {made.password or "", unquote(made.password or "")}:
            hide_secret(form)
        return made


def _written(address: Address, info: SerializationInfo) -> Address | str:
    return address.encoded_string() if info.mode == "json" else address
