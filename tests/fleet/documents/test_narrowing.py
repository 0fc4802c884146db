"""Workers of an instance whose cameras came and went."""

from __future__ import annotations

import pytest

from sightline.errors import ConfigError
from sightline.fleet.documents.narrowing import narrowed

MODEL = {"model": {"kind": "motion"}}


def test_a_worker_that_names_no_cameras_is_left_as_it_is() -> None:
    site = {"bus": "memory://", "workers": {"a": MODEL}}
    assert narrowed(site, ["gate"]) == site


def test_a_worker_looks_at_those_of_its_cameras_that_are_there() -> None:
    site = {"workers": {"a": {"cameras": ["gate", "yard"], **MODEL}, "b": {"cameras": ["yard"], **MODEL}}}
    assert narrowed(site, ["gate", "new"]) == {"workers": {"a": {"cameras": ["gate"], **MODEL}}}


def test_so_does_a_frame_queue_and_its_groups() -> None:
    queue = {"cameras": ["gate", "yard"], "groups": {"fast": ["yard"], "slow": ["gate"]}}
    site = {"workers": {"a": {"cameras": ["yard"], **MODEL}}, "frame_queue": queue}
    narrow = {"cameras": ["gate"], "groups": {"fast": [], "slow": ["gate"]}}
    assert narrowed(site, ["gate"]) == {"frame_queue": narrow}


def test_where_nobody_looks_at_anything_there_is_no_site() -> None:
    with pytest.raises(ConfigError, match="a worker that looks at a camera of the instance"):
        narrowed({"workers": {"a": {"cameras": ["yard"], **MODEL}}}, ["gate"])
