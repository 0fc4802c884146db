"""What a client says of its methods, and how little a stranger can do with it."""

import contextlib
import inspect
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import ConfigError, WireError
from sightline.hub.rpc import Method, description_from_bytes, description_to_bytes, find_served
from sightline.hub.rpc.description import DOC_CHARACTERS, MOST_METHODS, Description, Parameter
from sightline.hub.rpc.description import Kind as ParameterKind
from sightline.log import hide_secret


def described(service: object) -> dict[str, Method]:
    methods = [served.described() for served in find_served(service).values()]
    return {method.name: method for method in description_from_bytes(description_to_bytes(methods))}


def sent(*methods: Method) -> bytes:
    return msgspec.msgpack.encode(Description(methods=methods))


class Service:
    def rpc_all(self, a: int, /, b: "str", *rest: float, c: bool = True, d: Any, **more: bytes) -> list[int]:
        """Takes all there is.

        At any length.
        """
        raise AssertionError

    async def rpc_bare(self, x, y=None):  # type: ignore[no-untyped-def]
        raise AssertionError


def test_a_signature_comes_through_with_its_texts() -> None:
    methods = described(Service())
    assert str(methods["all"].signature) == (
        "(a: int, /, b: str, *rest: float, c: bool = True, d: Any, **more: bytes) -> list[int]"
    )
    assert methods["all"].doc == "Takes all there is.\n\nAt any length."
    assert str(methods["bare"].signature) == "(x, y=None)"
    assert methods["bare"].is_async
    assert not methods["all"].is_async


@given(st.data())
def test_a_call_fits_here_where_it_fits_there(data: st.DataObject) -> None:
    there = inspect.signature(Service().rpc_all)
    here = described(Service())["all"].signature
    args = data.draw(st.lists(st.integers(), max_size=4))
    kwargs = data.draw(st.dictionaries(st.sampled_from("abcdez"), st.integers()))

    def fits(signature: inspect.Signature) -> str:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            return str(error)
        return ""

    assert fits(here) == fits(there)


def test_long_secret_and_broken_texts_are_not_told() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ValueError

    hide_secret("marlin-spike")

    class Odd:
        def rpc_odd(
            self,
            a: object = Broken(),
            b: str = "x" * 300,
            password: str = "hunter2",
            c: str = "marlin-spike",
        ) -> None:
            pass

        rpc_odd.__doc__ = "y" * 2 * DOC_CHARACTERS

    odd = described(Odd())["odd"]
    assert [parameter.default for parameter in odd.parameters] == ["...", "...", "***", "'***'"]
    assert len(odd.doc) == DOC_CHARACTERS


def test_a_function_without_a_signature_takes_anything() -> None:
    class Native:
        rpc_largest = staticmethod(max)

    assert str(described(Native())["largest"].signature) == "(*args, **kwargs)"


@pytest.mark.parametrize(
    "name",
    ["__class__", "_own", "a.__init__", "a b", "", ".", "a.", "class", "rpc_a", ".".join("abcdefghi"), "9"],
)
def test_a_name_that_is_not_safe_is_refused(name: str) -> None:
    with pytest.raises(WireError):
        description_from_bytes(sent(Method(name=name)))


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a.b"), ("a.b.c", "a.b")])
def test_a_method_is_neither_twice_there_nor_a_group(names: tuple[str, str]) -> None:
    with pytest.raises(WireError, match="one method or one group"):
        description_from_bytes(sent(*(Method(name=name) for name in names)))


@pytest.mark.parametrize(
    "parameters",
    [
        (Parameter(name="a b"),),
        (Parameter(name="class"),),
        (Parameter(name="a"), Parameter(name="a")),
        (Parameter(name="a", kind="options"), Parameter(name="b")),
        (Parameter(name="a", kind="many", default="1"),),
        (Parameter(name="a", default="1"), Parameter(name="b")),
    ],
)
def test_parameters_that_python_does_not_allow_are_refused(parameters: tuple[Parameter, ...]) -> None:
    with pytest.raises(WireError, match="as Python has them"):
        description_from_bytes(sent(Method(name="f", parameters=parameters)))


@pytest.mark.parametrize(
    "methods",
    [
        tuple(Method(name=f"m{number}") for number in range(MOST_METHODS + 1)),
        (Method(name="f", doc="d" * (DOC_CHARACTERS + 1)),),
        (Method(name="f", parameters=tuple(Parameter(name=f"p{n}") for n in range(256))),),
        (Method(name="f", parameters=(Parameter(name="p", annotation="a" * 201),)),),
    ],
)
def test_more_than_the_bounds_is_refused_by_reader_and_writer(methods: tuple[Method, ...]) -> None:
    with pytest.raises(WireError):
        description_from_bytes(sent(*methods))
    with pytest.raises(ConfigError, match="cannot be served"):
        description_to_bytes(methods)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_description_or_a_wire_error(data: bytes) -> None:
    with contextlib.suppress(WireError):
        description_from_bytes(data)


_kinds: tuple[ParameterKind, ...] = ("positional", "either", "many", "keyword", "options")
_parameters = st.builds(
    Parameter,
    name=st.sampled_from(["a", "b", "c", "self", "if"]),
    kind=st.sampled_from(_kinds),
    default=st.none() | st.just("1"),
)
_methods = st.builds(
    Method,
    name=st.sampled_from(["a", "a.b", "a.b.c", "_a", "a..b", "__dict__"]),
    parameters=st.lists(_parameters, max_size=4).map(tuple),
)


@given(st.lists(_methods, max_size=3))
def test_any_description_is_safe_or_refused(methods: list[Method]) -> None:
    try:
        read = description_from_bytes(sent(*methods))
    except WireError:
        return
    assert list(read) == methods
    assert not any(part.startswith("_") for method in read for part in method.name.split("."))
