"""Sources of DeepStream as cameras of a site.

Promises: each source that is on becomes a camera, or there is a word why not. Names are the sensors' ids
where the file, its source list or its nvmsgconv's file has them. Logins become variables.

Deliberately not here: opening any of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

from sightline.deepstream.comparing.plain import is_source
from sightline.deepstream.comparing.source_list import LIST
from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.importing.logins import take_login
from sightline.deepstream.importing.taken import Taking
from sightline.deepstream.kinds import Kind
from sightline.deepstream.reading import keyfile_values
from sightline.deepstream.refusal import ValueRefused
from sightline.log import redact

_SCHEMES: Final = ("rtsp", "rtsps", "http", "https", "file")
_WITHOUT: Final = {
    5: "a CSI camera",
    6: "a WAV file",
    7: "sound alone",
    8: "an ALSA device",
    9: "an IPC source",
}
_SOURCE: Final = "source"
_MANY: Final = 1024
_TCP: Final = 4
_V4L2, _URIS = 1, 3
_URL: Final = "_URL"


def cameras_of(file: ConfigFile, taking: Taking) -> tuple[dict[str, Any], dict[str, str]]:
    """The cameras by name, and the variables that they need, each with what it is."""
    names = _sensors(file, taking)
    cameras: dict[str, Any] = {}
    variables: dict[str, str] = {}
    for number, (wanted, camera, group) in enumerate(_sources(taking)):
        name = _free(_name(names.get(group, wanted), number), cameras)
        if name != names.get(group, wanted) and group in names:
            taking.note(f"the sensor {names[group]!r} is called {name}", group)
        cameras[name] = _without_login(name, camera, variables)
    if secret := [name for name in variables if name.endswith(_URL)]:
        taking.note(f"addresses that seem to hold a secret are taken from variables: {', '.join(secret)}")
    return cameras, variables


def _sources(taking: Taking) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Name, camera and group of each."""
    shared = _shared(taking)
    for group in taking.groups:
        if is_source(group) and taking.is_on(group):
            yield from _of_group(group, taking, shared)
    for number, uri in enumerate(_listed(taking)):
        if camera := _of_uri(uri, LIST, taking):
            yield f"{_SOURCE}{number}", camera | _recorded(camera, shared), f"{_SOURCE}{number}"
    if taking.kind is Kind.TEST_APP:
        yield from _of_test_program(taking, shared)


def _of_test_program(taking: Taking, shared: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    if location := taking.text(_SOURCE, "location"):
        yield _SOURCE, {"url": taking.site_path(location)} | shared, _SOURCE
    for number, (uri, group) in enumerate(_served(taking)):
        if camera := _of_uri(uri, group, taking):
            yield f"{_SOURCE}{number}", camera | _recorded(camera, shared), ""


def _served(taking: Taking) -> Iterator[tuple[str, str]]:
    """URIs of the programs whose sources nvmultiurisrcbin opens, with `,` between them, and their group."""
    within = taking.number("rest-server", "within_multiurisrcbin") or "server-app-ctx" not in taking.groups
    served = ("multiurisrcbin", "uri-list") if within else ("server-app-ctx", "uri_list")
    for group, key in ((_SOURCE, "uri-list"), served):
        for uri in (taking.text(group, key) or "").split(","):
            if uri.strip():
                yield uri.strip(), group


def _shared(taking: Taking) -> dict[str, Any]:
    """What holds of all recordings."""
    told: dict[str, Any] = {}
    if taking.number("tests", "file-loop"):
        told["loop"] = True
    sinks = [group for group in taking.groups if group.startswith("sink")]
    if any(taking.number(sink, "sync") and taking.number(sink, "enable") for sink in sinks):
        told["realtime"] = True
    return told


def _recorded(camera: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    return {} if "://" in camera["url"] else shared


def _listed(taking: Taking) -> tuple[str, ...]:
    """The URIs of a source list that could not be taken apart, or of a test program's."""
    value = taking.value(LIST, "list")
    if isinstance(value, str):
        value = tuple(value.split(";"))
    for key in ("use-nvmultiurisrcbin", "sensor-id-list", "sensor-name-list", "num-source-bins"):
        taking.setting(LIST, key)
    return (
        tuple(uri for uri in value or () if isinstance(uri, str) and uri) if isinstance(value, tuple) else ()
    )


def _of_group(
    group: str, taking: Taking, shared: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any], str]]:
    kind = taking.number(group, "type")
    if kind in _WITHOUT:
        taking.warn(f"[{group}] is {_WITHOUT[int(kind)]}, which has no counterpart", group, "type")
        taking.done(group)
        return
    if kind == _V4L2:
        device = taking.number(group, "camera-v4l2-dev-node") or 0
        yield group, {"url": f"v4l2:///dev/video{device:g}"}, group
        return
    count = int(taking.number(group, "num-sources") or 1) if kind == _URIS else 1
    protocol = taking.number(group, "select-rtp-protocol")
    for number in range(min(count, _MANY)):
        uri = taking.text(group, "uri") or ""
        uri = re.sub(r"%\d*[du]", str(number), uri) if kind == _URIS else uri
        camera = _of_uri(uri, group, taking)
        if camera:
            udp = {} if protocol in {None, 0, _TCP} or "rtsp" not in camera["url"] else {"transport": "udp"}
            name = group if count == 1 else f"{group}-{number}"
            yield name, camera | udp | _recorded(camera, shared), group if count == 1 else ""


def _of_uri(uri: str, group: str, taking: Taking) -> dict[str, Any] | None:
    scheme, found, rest = uri.partition("://")
    if not uri:
        taking.warn(f"[{group}] has no uri, and is left out", group)
    elif not found:
        return _device(uri) or {"url": taking.site_path(uri)}
    elif scheme.lower() == "file":
        return {"url": taking.site_path(unquote(rest.removeprefix("localhost")))}
    elif scheme.lower() in _SCHEMES:
        return {"url": uri}
    else:
        taking.warn(f"[{group}] {scheme}:// is nothing that is opened here, and is left out", group)
    return None


def _device(uri: str) -> dict[str, Any] | None:
    found = re.fullmatch(r"usb:(\d+)", uri)
    return {"url": f"v4l2:///dev/video{found[1]}"} if found else None


def _without_login(name: str, camera: dict[str, Any], variables: dict[str, str]) -> dict[str, Any]:
    """With variables in the place of what is secret, and nothing that would be taken for a variable."""
    login = take_login(camera["url"])
    stem = _stem(name, variables)
    made = {"url": login.url.replace("$", "$$")}
    if redact(login.url) != login.url:
        variables[stem + _URL] = f"the address of {name}, which holds a secret"
        made["url"] = f"${{{stem}{_URL}}}"
    for key, value in (("username", login.username), ("password", login.password)):
        if value:
            variables[f"{stem}_{key.upper()}"] = f"the {key} of {name}"
            made[key] = f"${{{stem}_{key.upper()}}}"
    return camera | made


def _stem(name: str, taken: dict[str, str]) -> str:
    """What the variables of a camera begin with: no other camera's, though `a-1` and `a.1` are two."""
    stem = re.sub(r"\W", "_", name).upper()
    stem = f"CAMERA_{stem}" if stem[0].isdigit() else stem
    ends = (_URL, "_USERNAME", "_PASSWORD")
    stems = (stem if number == 1 else f"{stem}_{number}" for number in range(1, len(taken) + 2))
    return next(free for free in stems if not any(free + end in taken for end in ends))


def _sensors(file: ConfigFile, taking: Taking) -> dict[str, str]:
    """What the sensor of each source is called."""
    names = _listed_sensors(file)
    for group, key in _converters(taking):
        found = taking.open(taking.text(group, key), group, key, Kind.MSGCONV)
        if found is not None:
            for sensor in found.groups:
                number = re.fullmatch(r"sensor(\d+)", sensor)
                if number and (name := found.text(sensor, "id")):
                    names.setdefault(f"{_SOURCE}{int(number[1])}", name)
            break
    return names


def _converters(taking: Taking) -> Iterator[tuple[str, str]]:
    for group in taking.groups:
        if group.startswith("sink") or group == "message-converter":
            key = "msg-conv-config"
            if key in taking.meaning.groups[group] and taking.is_on_quietly(group):
                yield group, key


def _listed_sensors(file: ConfigFile) -> dict[str, str]:
    entry = file.entry(LIST, "sensor-id-list") if file.form is Form.TXT else None
    try:
        ids = keyfile_values.strings(entry.text or "") if entry else []
    except ValueRefused:
        ids = []
    return {f"{_SOURCE}{number}": name for number, name in enumerate(ids) if name}


def _name(wanted: str, number: int) -> str:
    """As a site file has names."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", wanted).lstrip("-_.")[:60]
    return name or f"{_SOURCE}{number}"


def _free(name: str, taken: dict[str, Any]) -> str:
    if name not in taken:
        return name
    return next(free for number in range(2, len(taken) + 3) if (free := f"{name}-{number}") not in taken)
