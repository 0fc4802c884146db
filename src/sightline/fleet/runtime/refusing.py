"""What a runtime refuses: whatever of a `RunSpec` needs a feature that it lacks."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.errors import Unsupported
from sightline.fleet.runtime.promise import Feature, RunSpec


def check_features(spec: RunSpec, runtime: str, features: frozenset[Feature]) -> None:
    """Raises Unsupported, which names the instance, the setting and the feature."""
    for feature, setting in _needed(spec):
        if feature not in features:
            raise Unsupported(
                f"instance {spec.name!r}: {setting} needs the feature {str(feature)!r}, "
                f"which the runtime {runtime!r} does not have here"
            )


def _needed(spec: RunSpec) -> Iterator[tuple[Feature, str]]:
    if spec.image is not None:
        yield Feature.IMAGES, f"image {spec.image!r}"
    if spec.network is not None:
        yield Feature.NETWORKS, f"network {spec.network!r}"
    if spec.limits.cpus is not None:
        yield Feature.LIMITS, f"limits.cpus {spec.limits.cpus:g}"
    if spec.limits.memory_mib is not None:
        yield Feature.LIMITS, f"limits.memory_mib {spec.limits.memory_mib}"
    if spec.limits.gpus:
        yield Feature.GPUS, f"limits.gpus {spec.limits.gpus}"
