"""What of an object is served, and what never."""

import functools
import threading
import types
from collections.abc import Callable
from typing import Any

import pytest

from sightline.errors import ConfigError
from sightline.hub.rpc import find_served, rpc


class Lens:
    @rpc
    def focus(self) -> str:
        return "sharp"


class Camera:
    def __init__(self, factor: int = 1) -> None:
        self.lens = Lens()
        self.factor = factor

    @rpc
    def zoom(self, factor: int) -> int:
        return self.factor * factor

    def secret(self) -> None: ...


class Client(threading.Thread):
    front = Camera(10)

    def __init__(self) -> None:
        super().__init__()
        self.back = Camera(20)
        self._hidden = Camera()

    def rpc_echo(self, data: Any) -> Any:
        return data

    async def rpc_wait(self) -> None: ...

    @rpc
    async def later(self) -> None: ...

    @staticmethod
    def rpc_static(a: int) -> int:
        return a

    @rpc
    @staticmethod
    def marked_static() -> None: ...

    @staticmethod
    @rpc
    def static_marked() -> None: ...

    @classmethod
    def rpc_of_class(cls) -> str:
        return cls.__name__

    @property
    def rpc_property(self) -> Callable[[], None]:
        raise AssertionError("a property is never read")

    @property
    def asked(self) -> Camera:
        raise AssertionError("a property is never read")

    rpc_number = 3
    rpc_class = Camera


def test_methods_and_groups_are_served_and_nothing_else() -> None:
    served = find_served(Client())
    assert served.keys() == {
        "echo",
        "wait",
        "later",
        "static",
        "marked_static",
        "static_marked",
        "of_class",
        *(f"{side}.{name}" for side in ("front", "back") for name in ("zoom", "lens.focus")),
    }
    assert {name for name, method in served.items() if method.is_async} == {"wait", "later"}


def test_what_is_served_is_bound_to_its_object() -> None:
    served = find_served(Client())
    assert served["front.zoom"].function(2) == 20
    assert served["back.zoom"].function(2) == 40
    assert served["of_class"].function() == "Client"
    assert served["static"].function(4) == 4
    assert list(served["back.zoom"].signature.parameters) == ["factor"]


def test_a_subclass_overrides_and_takes_back() -> None:
    class Quiet(Client):
        rpc_wait = None  # type: ignore[assignment]

        def rpc_echo(self, data: Any) -> Any:
            return [data]

    served = find_served(Quiet())
    assert "wait" not in served
    assert served["echo"].function(1) == [1]


def test_functions_that_were_put_on_an_object_are_served() -> None:
    class Empty:
        pass

    service = Empty()
    service.rpc_double = functools.partial(lambda by, number: by * number, 2)  # type: ignore[attr-defined]
    service.zoom = Camera(3).zoom  # type: ignore[attr-defined]
    served = find_served(service)
    assert {name: method.function(5) for name, method in served.items()} == {"double": 10, "zoom": 15}


def test_a_decorated_method_is_served_with_the_signature_of_what_it_wraps() -> None:
    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    class Service:
        @logged
        @rpc
        def zoom(self, factor: int) -> int:
            return factor

    assert list(find_served(Service())["zoom"].signature.parameters) == ["factor"]


def test_an_object_whose_call_is_async_counts_as_async() -> None:
    class Waiting:
        async def __call__(self) -> None: ...

    class Service:
        rpc_wait = Waiting()

    assert find_served(Service())["wait"].is_async


def test_a_group_of_groups_alone_is_served_when_its_class_says_so() -> None:
    class Bare:
        camera = Camera()

    @rpc
    class Rig(Bare):
        pass

    class Service(Client):
        bare = Bare()
        rig = Rig()

    served = find_served(Service())
    assert "rig.camera.lens.focus" in served
    assert not any(name.startswith("bare") for name in served)


def test_an_object_with_slots_may_hold_groups() -> None:
    class Slotted:
        __slots__ = ("camera", "empty")

        def __init__(self) -> None:
            self.camera = Camera()

        def rpc_echo(self) -> None: ...

    assert find_served(Slotted()).keys() == {"echo", "camera.zoom", "camera.lens.focus"}


def test_an_object_that_has_every_attribute_is_no_group() -> None:
    class Anything:
        def __getattr__(self, name: str) -> bool:
            return True

    class Service(Client):
        anything = Anything()

    assert not any(name.startswith("anything") for name in find_served(Service()))


def test_a_module_is_no_group() -> None:
    class Service(Client):
        module = types.ModuleType("module")

    Service.module.rpc_own = lambda: None  # type: ignore[attr-defined]
    assert not any(name.startswith("module") for name in find_served(Service()))


def test_a_group_that_holds_itself_is_refused_and_one_in_two_places_is_not() -> None:
    class Node:
        def rpc_ping(self) -> None: ...

    node, other = Node(), Node()
    node.left = node.right = other  # type: ignore[attr-defined]
    assert find_served(node).keys() == {"ping", "left.ping", "right.ping"}
    other.parent = node  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="'left.parent' holds itself"):
        find_served(node)
    del other.parent  # type: ignore[attr-defined]
    other._parent = node  # type: ignore[attr-defined]
    assert find_served(node)


def test_groups_go_to_a_bounded_depth() -> None:
    class Node:
        def rpc_ping(self) -> None: ...

    top = node = Node()
    for _ in range(7):
        node.next = Node()  # type: ignore[attr-defined]
        node = node.next  # type: ignore[attr-defined]
    assert "next.next.next.next.next.next.next.ping" in find_served(top)
    node.next = Node()  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="depth of 7"):
        find_served(top)


@pytest.mark.parametrize("name", ["rpc_", "rpc__own", "rpc_class", "rpc_rpc_again", "rpc_9"])
def test_a_name_that_nobody_could_call_is_refused(name: str) -> None:
    service = type("Service", (), {name: lambda self: None})()
    with pytest.raises(ConfigError, match="public identifier"):
        find_served(service)


def test_two_methods_of_one_name_are_refused() -> None:
    class Twice:
        def rpc_zoom(self) -> None: ...

        @rpc
        def zoom(self) -> None: ...

    with pytest.raises(ConfigError, match="served as 'zoom'"):
        find_served(Twice())


def test_an_object_that_serves_nothing_is_refused_where_something_is_needed() -> None:
    with pytest.raises(ConfigError, match="Thread serves nothing"):
        find_served(threading.Thread())
    assert find_served(threading.Thread(), needed=False) == {}
