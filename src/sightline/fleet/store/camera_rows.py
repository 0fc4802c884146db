"""A camera as it goes into the database and comes out, with the document's names.

Promises: a camera that passes can be opened by `sightline.site`; a login that stands in its address becomes
`username` and `password`; no password comes out.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Self

from pydantic import Field, SecretStr, ValidationError, model_validator

from sightline.capture.address import Kind, host, kind, take_credentials
from sightline.deepstream.models.numbers import EncodeType
from sightline.errors import ConfigError
from sightline.fleet.store.hiding import still_hidden
from sightline.fleet.store.refusals import Mistake
from sightline.fleet.store.row import Address, AnyName, CameraId, Id, Json, Labels, Pixels, Row, Text
from sightline.fleet.store.worded import mistakes_of, refusal
from sightline.log import hide_secret
from sightline.site.camera import Camera as SiteCamera

OWN_KEYS: Final = frozenset({"url", "username", "password", "enabled"})
"""Of a site file's camera, what are columns here."""
_TYPES: Final = {Kind.CAMERA: "rtsp", Kind.WEB: "http", Kind.FILE: "file", Kind.DEVICE: "v4l2"}


class CameraBody(Row):
    """A camera as it is wanted, in the place of one that is there: `***` that was shown may come back.

    Where it is put by hand is said by name or by number; neither: the fleet finds a place.
    """

    camera_id: CameraId = Field(description="Its name, all over the fleet.", examples=["gate"])
    address: Address = Field(
        "",
        description="Where its pictures come from; a login in it is taken out. Left out: rtsp://ip_address.",
        examples=["rtsp://10.0.0.5:554/main"],
    )
    ip_address: Text = Field("", description="Its host; that of the address if left out.")
    username: Text | None = Field(None, description="The user to log in as.")
    password: SecretStr | None = Field(
        None,
        description="The password to log in with; gone when null; kept when left out of a change, which is "
        "refused where it goes to another scheme, host, port or user.",
    )
    encodeType: EncodeType = Field(EncodeType.H264, description="What it sends.")  # noqa: N815
    type: Annotated[Text, Field(max_length=40)] = Field("", description="What kind of source it is.")
    width: Pixels | None = Field(None, description="Of its pictures.")
    height: Pixels | None = Field(None, description="Of its pictures.")
    settings: Json = Field(
        {}, description="Further keys of a site file's camera, such as transport or detect_url."
    )
    labels: Labels = Field({}, description="What its machine must have.")
    pool: Text = Field("", description="The instances that it may be put on are those of this pool.")
    enabled: bool = Field(True, description="Whether it is wanted at all.")
    dsInstance_id: Id | None = Field(None, description="The instance that it was put on by hand.")  # noqa: N815
    instance_name: AnyName | None = Field(None, description="The same by name.")
    agent_id: Id | None = Field(None, description="The machine that it has to be on, by hand.")
    agent_name: AnyName | None = Field(None, description="The same by name, or by node_id.")
    origin: Text = Field("", description="The import that brought it; empty: nobody but users.")


class CameraIn(CameraBody):
    """A camera as it is wanted, whole and right in itself."""

    @model_validator(mode="before")
    @classmethod
    def _login_apart(cls, values: Any) -> Any:
        return _apart(dict(values)) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _can_be_opened(self) -> Self:
        found = _mistakes(self)
        if found:
            raise refusal(found)
        return self

    @property
    def clear_password(self) -> str | None:
        return None if self.password is None else self.password.get_secret_value()


class CameraChange(Row):
    """What is to be another of a camera; what is left out stays."""

    address: Address | None = None
    ip_address: Text | None = None
    username: Text | None = None
    password: SecretStr | None = None
    encodeType: EncodeType | None = None  # noqa: N815 - the document's
    type: Text | None = None
    width: Pixels | None = None
    height: Pixels | None = None
    settings: Json | None = None
    labels: Labels | None = None
    pool: Text | None = None
    enabled: bool | None = None
    dsInstance_id: Id | None = None  # noqa: N815 - the document's
    instance_name: AnyName | None = None
    agent_id: Id | None = None
    agent_name: AnyName | None = None


class CameraOut(Row):
    """A camera as it is."""

    id: int
    agent_id: int | None = Field(description="The machine that it was put on by hand.")
    dsInstance_id: int | None = Field(description="The instance that it was put on by hand.")  # noqa: N815
    camera_id: str
    ip_address: str
    username: str | None
    has_password: bool
    encodeType: EncodeType  # noqa: N815 - the document's
    type: str
    width: int | None
    height: int | None
    address: str = Field(description="Without login; *** hides what looks like a password.")
    settings: Json
    labels: dict[str, str]
    pool: str
    enabled: bool
    origin: str
    generation: int = Field(description="Rises with each change.")
    observed_generation: int = Field(description="Of that which runs.")
    status: str = Field(description="How it was found last.")
    instance_name: str | None = Field(description="The instance that it was put on by hand.")
    agent_name: str | None = Field(description="The machine that it was put on by hand.")
    placed_instance: str | None = Field(description="The instance that it is on now.")
    placed_node: str | None = Field(description="The node_id of the machine that this is on.")
    term: int = Field(description="Of the results that hold.")


def _apart(values: dict[str, Any]) -> dict[str, Any]:
    """The login out of the address, the host into `ip_address`, the kind into `type`; what is no text, and
    what cannot be read, is left for whoever says so.
    """
    address, ip = values.get("address") or "", values.get("ip_address") or ""
    if isinstance(address, str) and isinstance(ip, str):
        if not address and ip:
            address, ip = (ip, "") if "://" in ip else (f"rtsp://{ip}", ip)
        values.update({"address": address, "ip_address": ip})
        try:
            _read_address(values, address)
        except ConfigError:
            return values
    return values


def _read_address(values: dict[str, Any], address: str) -> None:
    found = take_credentials(address.strip())
    values["address"] = found.url
    if found.username is not None:
        hide_secret(found.password or "")
        values["username"] = values.get("username") or found.username
        if found.password is not None and values.get("password") is None:
            values["password"] = found.password
    values["ip_address"] = values["ip_address"] or (host(found.url) or "").strip("[]")
    values["type"] = values.get("type") or _TYPES.get(kind(found.url), "synthetic")


def _mistakes(camera: CameraIn) -> list[Mistake]:
    if not camera.address:
        return [Mistake("address", "missing: expected an address such as rtsp://10.0.0.5/main")]
    found = [
        Mistake(f"settings.{key}", "expected as a field of the camera, not among its settings")
        for key in sorted(OWN_KEYS & set(camera.settings))
    ]
    told = "expected the value itself where *** stands: it hides nothing here"
    found += [
        Mistake(field, told) for field in ("address", "settings") if still_hidden(getattr(camera, field))
    ]
    password = camera.clear_password
    hide_secret(password or "")
    if password == "":
        found.append(Mistake("password", "expected a password that is not empty, or null for none"))
    if found:
        return found
    values = {"url": camera.address, "username": camera.username, "password": password}
    try:
        SiteCamera.model_validate({**values, **camera.settings})
    except ValidationError as error:
        return [_placed(one) for one in mistakes_of(error, SiteCamera)]
    return []


def _placed(mistake: Mistake) -> Mistake:
    """A mistake of a site file's camera, at the field that it is of here."""
    where = mistake.where
    if where in {"", "url"}:
        return mistake._replace(where="address")
    return mistake if where in OWN_KEYS else mistake._replace(where=f"settings.{where}")


def moved(address: str, was: str, now: str) -> str:
    """`address` with another host, where its host was `was`."""
    found = host(address)
    if not now or found is None or found.strip("[]") != was:
        return address
    return re.sub(re.escape(found), lambda _: f"[{now}]" if ":" in now else now, address, count=1)
