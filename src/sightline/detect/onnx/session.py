"""onnxruntime, and nothing else of ours knows it.

An operation's threads wait by sleeping, not by spinning: the cores are shared with decoders, and a thread
that spins between two pictures takes from them what it does not use.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.detect.onnx.graph import Graph, Shape, Tensor
from sightline.errors import MissingExtra, ModelError


def runtime() -> Any:
    """The library. Raises MissingExtra."""
    # Else it would make a database in the user's cache when it is imported, and send from it what it met.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        return importlib.import_module("onnxruntime")
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        raise MissingExtra(
            "onnxruntime is not installed; it comes with: pip install 'sightline[onnx]'"
        ) from error


class Session:
    """A file, loaded.

    Args:
        path: of the file.
        providers: as onnxruntime names them, in the order in which they are tried.
        threads: of one operation on the CPU; None for as many as this process has cores.

    Raises:
        ModelError: no such file, not ONNX, or not to be run here.
    """

    def __init__(self, path: Path, providers: Sequence[str], threads: int | None) -> None:
        library = runtime()
        if not path.is_file():
            raise ModelError(f"no such file: {path}")
        options = library.SessionOptions()
        options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = library.InferenceSession(str(path), options, providers=list(providers))
        except Exception as error:
            raise ModelError(
                f"{path} is not an ONNX file that onnxruntime can load: {_brief(error)}"
            ) from error
        told = self._session.get_modelmeta()
        self.graph = Graph(
            tuple(map(_tensor, self._session.get_inputs())),
            tuple(map(_tensor, self._session.get_outputs())),
            _metadata(told),
        )
        self.producer: str = told.producer_name
        self.providers: tuple[str, ...] = tuple(self._session.get_providers())

    def run(self, outputs: Sequence[str], inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The outputs of these names."""
        return [np.asarray(one) for one in self._session.run(list(outputs), dict(inputs))]


def digest(path: Path) -> str:
    """A short text that changes with the file. Weights that it keeps in another file are not in it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _tensor(told: Any) -> Tensor:
    shape: Shape = tuple(side if isinstance(side, int) else None for side in told.shape)
    return Tensor(told.name, told.type, shape)


def _metadata(told: Any) -> dict[str, str]:
    """Some exporters leave out the own key for what the standard has a place for."""
    own = {"description": told.description} if told.description else {}
    return own | dict(told.custom_metadata_map)


def _brief(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
