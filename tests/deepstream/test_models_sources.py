"""Whoever reads a model is told the page of NVIDIA's that says what its values do."""

import inspect
import re

import pytest

from sightline.deepstream import models

# The document's own, of which NVIDIA has no page.
OWN = {"DsAppType", "DsInstance", "DsInstanceConfig", "InstanceStatus", "NodeInfo"}
OTHERS = {"Address", "Entered", "Part", "Place", "Written"}  # what the models are made with
TOLD = [
    kind
    for name, kind in inspect.getmembers(models, inspect.isclass)
    if name not in OWN | OTHERS and kind.__module__.startswith(models.__name__)
]


@pytest.mark.parametrize("kind", TOLD)
def test_its_own_docstring_names_the_page_and_its_module_where_that_is(kind: type) -> None:
    module = inspect.getmodule(kind)
    assert module is not None
    assert re.search(r"\bDS_[\w-]+\.html", vars(kind)["__doc__"])
    assert "https://docs.nvidia.com/metropolis/deepstream/dev-guide/text/" in (module.__doc__ or "")


def test_all_classes_of_the_document_are_among_them() -> None:
    assert {"MOT_pgie_config", "FACE_align_config", "DsAppConfig", "ClusterMode"} <= {
        kind.__name__ for kind in TOLD
    }
