"""On what a model runs: those of onnxruntime's execution providers that this machine has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sightline.errors import ConfigError
from sightline.kinds import nearest

_SUFFIX: Final = "ExecutionProvider"
CPU: Final = f"CPU{_SUFFIX}"
ORDER: Final = tuple(f"{name}{_SUFFIX}" for name in ("CUDA", "MIGraphX", "ROCM", "OpenVINO"))
"""Tried before the CPU. TensorRT is not: it builds an engine for minutes, so it has to be asked for."""


def choose(wanted: Sequence[str] | None, available: Sequence[str]) -> tuple[str, ...]:
    """Providers in the order in which they are tried, the CPU last.

    Args:
        wanted: as onnxruntime names them or without the end, `cuda`; None for what there is.
        available: those of the installed onnxruntime.

    Raises:
        ConfigError: one of them is not there.
    """
    if wanted is None:
        return (*(name for name in ORDER if name in available), CPU)
    found = [_found(name, available) for name in wanted]
    return tuple(dict.fromkeys((*found, CPU)))


def short(name: str) -> str:
    """`cuda` for `CUDAExecutionProvider`."""
    return name.removesuffix(_SUFFIX).lower()


def _found(name: str, available: Sequence[str]) -> str:
    known = {short(one): one for one in available}
    plain = name.lower().removesuffix(_SUFFIX.lower())
    if plain not in known:
        raise ConfigError(
            f"providers: {name!r} is not in the installed onnxruntime{nearest(plain, known)} "
            f"(it has {', '.join(known)}; onnxruntime-gpu in its place has cuda and tensorrt)"
        )
    return known[plain]
