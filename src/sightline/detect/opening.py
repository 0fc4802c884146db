"""Models by their kind: ours, and the user's own as `python:package.module:Class`.

A user's class is code, run with all rights of this process: a site file that names one is to be trusted
as a program is. A wrong path is told with the part of it that is missing and the nearest name there is.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from sightline.detect.checked import Checked
from sightline.detect.model import Model
from sightline.errors import ConfigError, ModelError, SightlineError
from sightline.kinds import Kinds, make, nearest

MODELS: Final = Kinds[Model](
    "model",
    {
        "motion": "sightline.detect.motion:MotionModel",
        "hog": "sightline.detect.hog:HogModel",
        "onnx": "sightline.detect.onnx:OnnxModel",
    },
)
_PYTHON: Final = "python:"
_METHODS: Final = ("load", "warm_up", "predict", "close")


def open_model(kind: str, **options: Any) -> Model:
    """A model of this kind, not yet loaded.

    Args:
        kind: `motion`, `hog`, `onnx` or `python:package.module:Class`.
        options: what the model's constructor takes.

    Raises:
        ConfigError: no such kind, module, class or option; or the class lacks a method of `Model`.
        ModelError: a user's class raised while it was made.
    """
    maker = model_maker(kind)
    try:
        model = make(f"model {kind}", maker, options)
    except SightlineError:
        raise
    except Exception as error:
        raise ModelError(f"model {kind} could not be made: {type(error).__name__}: {error}") from error
    _check_shape(kind, model)
    return Checked(model)


def model_maker(kind: str) -> Callable[..., Model]:
    """What makes a model of this kind; its signature has the options. Raises ConfigError."""
    if kind.startswith(_PYTHON):
        return _load(kind.removeprefix(_PYTHON).strip())
    if kind == "python":
        raise ConfigError("kind python needs the class: 'python:package.module:Class'")
    return MODELS.find(kind)


def _check_shape(kind: str, model: object) -> None:
    lacking = [name for name in _METHODS if not callable(getattr(model, name, None))]
    lacking += [name for name in ("name", "version") if not isinstance(getattr(model, name, None), str)]
    if lacking:
        raise ConfigError(
            f"model {kind}: expected name and version (str) and the methods {', '.join(_METHODS)}; "
            f"it lacks {', '.join(lacking)}"
        )


def _load(path: str) -> Callable[..., Model]:
    module_name, colon, class_name = path.partition(":")
    if not (module_name and colon and class_name):
        raise ConfigError(f"expected python:package.module:Class, got python:{path}")
    module = _import(module_name, path)
    found = getattr(module, class_name, None)
    if not callable(found):
        public = [name for name, value in vars(module).items() if isinstance(value, type)]
        came = "no such name" if found is None else f"a {type(found).__name__}, not a class"
        raise ConfigError(
            f"python:{path}: {class_name} in {module_name} is {came}{nearest(class_name, public)}"
        )
    maker: Callable[..., Model] = found
    return maker


def _import(name: str, path: str) -> ModuleType:
    """Import part by part, so that the error can say which part is missing."""
    parts = name.split(".")
    parent: ModuleType | None = None
    for depth, part in enumerate(parts, start=1):
        dotted = ".".join(parts[:depth])
        try:
            parent = importlib.import_module(dotted)
        except ModuleNotFoundError as error:
            if error.name != dotted:
                raise ConfigError(
                    f"python:{path}: {dotted} needs {error.name}, which is not installed"
                ) from error
            raise ConfigError(_not_found(path, part, parent)) from error
        except Exception as error:
            raise ConfigError(
                f"python:{path}: importing {dotted} failed: {type(error).__name__}: {error}"
            ) from error
    if parent is None:
        raise ConfigError(f"python:{path}: no module is named")
    return parent


def _not_found(path: str, part: str, parent: ModuleType | None) -> str:
    where = "the import path (PYTHONPATH)" if parent is None else parent.__name__
    places = None if parent is None else getattr(parent, "__path__", [])
    names = [found.name for found in pkgutil.iter_modules(places)]
    return f"python:{path}: no module {part} in {where}{nearest(part, names)}"
