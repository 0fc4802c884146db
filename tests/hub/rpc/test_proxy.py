"""The object that calls another client's methods."""

import copy
import inspect
import pydoc
from typing import Any

import pytest

from sightline.errors import ConfigError
from sightline.hub.rpc import (
    Method,
    Remote,
    description_from_bytes,
    description_to_bytes,
    find_served,
    make_proxy,
    rpc,
)


class Camera:
    @rpc
    def zoom(self, factor: float, *, slow: bool = False) -> float:
        """Make things larger."""
        raise AssertionError


class Ptz:
    camera = Camera()

    def rpc_my_echo(self, data: object) -> object:
        raise AssertionError

    async def rpc_options(self, **options: object) -> None:
        raise AssertionError


class Calls:
    """What was called, each answered by its number."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, tuple[Any, ...], dict[str, Any], float | None]] = []

    def __call__(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any], timeout_s: Any) -> int:
        self.seen.append((method, args, kwargs, timeout_s))
        return len(self.seen)


def methods_of(service: object) -> tuple[Method, ...]:
    described = [served.described() for served in find_served(service).values()]
    return description_from_bytes(description_to_bytes(described))


def a_proxy(call: Calls, **how: Any) -> Any:
    return make_proxy("ptz", methods_of(Ptz()), call, **how)


def test_a_call_goes_on_as_it_was_made() -> None:
    calls = Calls()
    ptz = a_proxy(calls, timeout_s=5)
    assert ptz.my_echo([1]) == 1
    assert ptz.camera.zoom(2, slow=True) == 2
    assert calls.seen == [("my_echo", ([1],), {}, 5.0), ("camera.zoom", (2,), {"slow": True}, 5.0)]


def test_tto_is_the_time_of_one_call_and_goes_no_further() -> None:
    calls = Calls()
    ptz = a_proxy(calls)
    ptz.options(a=1, tto=0.5)
    ptz.options(a=1)
    ptz.options(a=1, tto=None)
    assert calls.seen == [("options", (), {"a": 1}, time) for time in (0.5, None, None)]


def test_the_name_of_tto_can_be_chosen() -> None:
    calls = Calls()
    ptz = a_proxy(calls, timeout_name="within_s")
    ptz.options(tto=3, within_s=4)
    assert calls.seen == [("options", (), {"tto": 3}, 4.0)]


def test_a_method_with_a_parameter_of_that_name_asks_for_another() -> None:
    class Service:
        def rpc_wait(self, tto: float) -> None: ...

    with pytest.raises(ConfigError, match=r"ptz\.wait has a parameter 'tto'"):
        make_proxy("ptz", methods_of(Service()), Calls())
    make_proxy("ptz", methods_of(Service()), Calls(), timeout_name="within_s")


@pytest.mark.parametrize("time", [0, -1, float("nan"), float("inf"), "1", [1]])
def test_a_time_that_is_none_is_refused_before_anything_is_sent(time: Any) -> None:
    calls = Calls()
    with pytest.raises(ConfigError, match="seconds above 0"):
        a_proxy(calls).my_echo(1, tto=time)
    with pytest.raises(ConfigError, match="seconds above 0"):
        a_proxy(calls, timeout_s=time)
    assert not calls.seen


def test_a_call_that_does_not_fit_is_refused_before_anything_is_sent() -> None:
    calls = Calls()
    ptz = a_proxy(calls)
    with pytest.raises(TypeError) as missing:
        ptz.camera.zoom()
    assert str(missing.value) == (
        "ptz.camera.zoom(factor: float, *, slow: bool = False) -> float: "
        "missing a required argument: 'factor'"
    )
    with pytest.raises(TypeError, match=r"^ptz\.camera\.zoom\(.*too many positional arguments$"):
        ptz.camera.zoom(1, 2)
    with pytest.raises(TypeError, match=r"^ptz\.my_echo\(.*unexpected keyword argument 'fast'$"):
        ptz.my_echo(1, fast=1)
    assert not calls.seen


def test_names_signatures_and_docstrings_are_those_of_the_other_side() -> None:
    ptz = a_proxy(Calls())
    zoom = ptz.camera.zoom
    assert (zoom.__name__, zoom.__qualname__) == ("zoom", "ptz.camera.zoom")
    assert zoom.__doc__ == "Make things larger."
    assert str(inspect.signature(zoom)) == "(factor: float, *, slow: bool = False) -> float"
    assert ptz.my_echo.__doc__ is None
    assert dir(ptz) == ["camera", "my_echo", "options"]
    assert dir(ptz.camera) == ["zoom"]
    assert repr(ptz.camera) == "<ptz.camera: camera.zoom(factor: float, *, slow: bool = False) -> float>"


def _help(thing: object) -> str:
    return pydoc.plain(pydoc.render_doc(thing))


def test_help_shows_the_methods() -> None:
    ptz = a_proxy(Calls())
    assert "my_echo(data: object) -> object" in _help(ptz)
    shown = "zoom(factor: float, *, slow: bool = False) -> float\n    Make things larger."
    assert shown in _help(ptz.camera.zoom)


def test_a_name_that_is_not_served_tells_the_nearest() -> None:
    ptz = a_proxy(Calls())
    with pytest.raises(AttributeError, match=r'^ptz serves no \'my_ecko\'; did you mean "my_echo"\?$'):
        ptz.my_ecko(1)
    with pytest.raises(AttributeError, match=r"^ptz\.camera serves no 'qqq'$"):
        ptz.camera.qqq()
    assert not hasattr(ptz, "_repr_html_")


def test_a_proxy_is_not_changed_and_not_served_again() -> None:
    ptz = a_proxy(Calls())
    with pytest.raises(AttributeError):
        ptz.my_echo = None
    assert isinstance(ptz.camera, Remote)
    assert copy.copy(ptz).my_echo(1) == 1

    class Holder:
        def __init__(self) -> None:
            self.ptz = ptz

        def rpc_own(self) -> None: ...

    assert find_served(Holder()).keys() == {"own"}
