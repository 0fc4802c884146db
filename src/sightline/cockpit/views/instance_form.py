"""The form of an instance. Its configuration is one text: of a worker a site without cameras, of DeepStream
its DsInstanceConfig with all of `appconfig`, whatever of it the database has as columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sightline.cockpit.views.forms import Filled, Texts, changed, is_on, whole_number
from sightline.cockpit.views.texts import as_labels, as_yaml, read_labels, read_yaml
from sightline.fleet.store.instance_rows import APP_FIELDS
from sightline.fleet.store.refusals import Mistake
from sightline.fleet.store.rows import DsInstanceOut, InstanceRun

FIELDS: Final = (
    *("instance_name", "kind", "pool", "agent_name", "capacity", "gpus", "exclusive", "debug", "enabled"),
    *("labels", "config", "run"),
)
ALIASES: Final = {"agent_id": "agent_name", **dict.fromkeys(APP_FIELDS, "config")}
_EXAMPLE: Final = """\
workers:
  look:
    model:
      kind: motion
    sinks:
      - kind: jsonl
        path: results.jsonl
"""
NEW: Final = {"kind": "worker", "gpus": "0", "enabled": "yes", "config": _EXAMPLE}
"""What stands in the form of an instance that is to be made."""
_BOXES: Final = ("exclusive", "debug", "enabled")
_RUN: Final = InstanceRun.model_validate({}).model_dump(mode="json")


def instance_texts(row: DsInstanceOut) -> dict[str, str]:
    """An instance as its form shows it."""
    return {
        "instance_name": row.instance_name,
        "kind": row.kind,
        "pool": row.pool,
        "agent_name": row.agent_name or "",
        "capacity": "" if row.capacity is None else str(row.capacity),
        "gpus": str(row.gpus),
        "labels": as_labels(row.labels),
        "config": as_yaml(_whole(row)),
        "run": as_yaml(_said(row.run.model_dump(mode="json"), _RUN)),
        **{name: "yes" if getattr(row, name) else "" for name in _BOXES},
    }


def fill_instance(sent: Texts, row: DsInstanceOut | None = None) -> Filled:
    """What was sent; `row`: of an instance that is there, then what is another of it."""
    texts = {name: str(sent.get(name, "")) for name in FIELDS}
    if row is not None:
        texts.update(instance_name=row.instance_name, kind=row.kind)
    mistakes: list[Mistake] = []
    labels, wrong = read_labels(texts["labels"])
    config, run = read_yaml(texts["config"], "config"), read_yaml(texts["run"], "run")
    mistakes += [*wrong, *config.mistakes, *run.mistakes]
    values: dict[str, Any] = {
        "instance_name": texts["instance_name"].strip(),
        "kind": texts["kind"] or NEW["kind"],
        "pool": texts["pool"].strip(),
        "agent_name": texts["agent_name"].strip() or None,
        "capacity": whole_number(texts, "capacity", mistakes),
        "gpus": whole_number(texts, "gpus", mistakes) or 0,
        "labels": labels,
        "run": run.values,
        **{name: is_on(texts, name) for name in _BOXES},
        **_apart(config.values, texts["kind"]),
    }
    if row is not None:
        was = {**row.model_dump(mode="json"), "run": _said(row.run.model_dump(mode="json"), _RUN)}
        values = changed(values, was)
    return Filled(values, texts, mistakes, {"config": config, "run": run})


def _whole(row: DsInstanceOut) -> dict[str, Any]:
    if row.kind == "worker":
        return dict(row.config)
    app = {name: value for name in APP_FIELDS if (value := getattr(row, name)) is not None}
    rest = row.config.get("appconfig")
    return {**row.config, "appconfig": {**(rest if isinstance(rest, dict) else {}), **app}}


def _apart(config: dict[str, Any], kind: str) -> dict[str, Any]:
    """What the database has as columns beside the rest of a configuration of DeepStream."""
    app = config.get("appconfig")
    if kind == "worker" or not isinstance(app, dict):
        return {"config": config}
    rest = {key: value for key, value in app.items() if key not in APP_FIELDS}
    kept = {key: value for key, value in config.items() if key != "appconfig"}
    columns = {name: app.get(name) for name in APP_FIELDS}
    return {**columns, "config": {**kept, **({"appconfig": rest} if rest else {})}}


def _said(run: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """What of it is not as it is when nothing is said."""
    said: dict[str, Any] = {}
    for name, value in run.items():
        if isinstance(value, Mapping):
            value = _said(value, usual[name])  # noqa: PLW2901 - the same, less of it
        if value not in ({}, usual[name]):
            said[name] = value
    return said
