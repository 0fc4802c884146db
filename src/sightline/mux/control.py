"""Steering a mux by messages: a `Control` reads requests off a topic and acts."""

from __future__ import annotations

from sightline.mux.steered import CameraState, Steered

__all__ = ["CameraState", "Steered"]
