"""A call's shape fits or not, as Python's own binding says, the first time and again."""

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.hub.rpc.fitting import MOST_SHAPES, Fitting


def signature_of(function: Any) -> inspect.Signature:
    return inspect.signature(function)


SIGNATURES = [
    signature_of(lambda: None),
    signature_of(lambda a, b=1: None),
    signature_of(lambda a, /, b, *, c, d=2: None),
    signature_of(lambda *a, **b: None),
]
CALLS = st.tuples(
    st.lists(st.none(), max_size=3), st.dictionaries(st.sampled_from("abcde"), st.none(), max_size=3)
)


@given(which=st.integers(0, len(SIGNATURES) - 1), calls=st.lists(CALLS, max_size=8))
def test_it_says_what_python_says(which: int, calls: list[tuple[list[None], dict[str, None]]]) -> None:
    signature = SIGNATURES[which]
    fitting = Fitting(signature)
    for args, kwargs in calls * 2:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            with pytest.raises(TypeError):
                fitting.check(args, kwargs)
        else:
            fitting.check(args, kwargs)


def test_callers_cannot_make_it_remember_without_bound() -> None:
    fitting = Fitting(SIGNATURES[3])
    for number in range(1000):
        fitting.check((), {f"name{number}": None})
    assert not fitting._known
    for number in range(1000):
        fitting.check([None] * number, {})
    assert len(fitting._known) == MOST_SHAPES
