"""Rows that many tests of the store begin with."""

from __future__ import annotations

from typing import Any

KAFKA = "kafka;9092"
MODELS: dict[str, Any] = {
    "mot_pgie": {"labelfile_path": "/models/mot.txt"},
    "face_pgie": {"labelfile_path": "/models/face.txt"},
}
MOTION: dict[str, Any] = {"workers": {"people": {"model": {"kind": "motion"}}}}


def deepstream(name: str = "hall", **more: Any) -> dict[str, Any]:
    return {"instance_name": name, "kafka_connection_str": KAFKA, "config": MODELS, **more}


def worker(name: str = "motion", **more: Any) -> dict[str, Any]:
    return {"instance_name": name, "kind": "worker", "config": MOTION, **more}


def camera(name: str = "gate", **more: Any) -> dict[str, Any]:
    return {"camera_id": name, "address": f"rtsp://10.0.0.5/{name}", **more}
