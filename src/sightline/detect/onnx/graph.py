"""What an ONNX file says of itself: inputs, outputs, metadata, and the operators' version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TypeAlias

Shape: TypeAlias = tuple[int | None, ...]
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_OPSETS: Final = 8


class Tensor(NamedTuple):
    """An input or output.

    Attributes:
        name: as the file has it.
        type: of its numbers, as onnxruntime names it: `float`, `float16`, `int64`.
        shape: None for a dimension that is told only with each picture.
    """

    name: str
    type: str
    shape: Shape

    def __str__(self) -> str:
        return f"{self.name} {self.type} ({', '.join('?' if n is None else str(n) for n in self.shape)})"


@dataclass(frozen=True, slots=True)
class Graph:
    """What goes in, what comes out, and what the exporter wrote down beside it."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    metadata: Mapping[str, str]

    def output(self, name: str) -> Tensor | None:
        """The output of that name."""
        return next((one for one in self.outputs if one.name == name), None)

    def __str__(self) -> str:
        sides = (("inputs", self.inputs), ("outputs", self.outputs))
        return "; ".join(f"{side}: {', '.join(map(str, tensors)) or 'none'}" for side, tensors in sides)


def opset_of(path: Path) -> int | None:
    """The version of the standard operators that the file needs; None where it does not say.

    onnxruntime does not tell it, so the file is skimmed: `opset_import` is field 8 of a ModelProto, each with
    its domain in field 1 and its version in field 2 (onnx.proto3). Weights are skipped, not read.

    Raises:
        ValueError: these are not the bytes of a protobuf message.
    """
    with path.open("rb") as file:
        for field, value in _fields(file, path.stat().st_size, keep=_OPSETS):
            if field == _OPSETS and isinstance(value, bytes):
                version = _version(value)
                if version is not None:
                    return version
    return None


def _version(opset: bytes) -> int | None:
    """The version, where the domain is that of the standard operators."""
    told = dict(_fields(BytesIO(opset), len(opset), keep=1))
    version = told.get(2)
    return version if told.get(1, b"") in {b"", b"ai.onnx"} and isinstance(version, int) else None


def _fields(file: BinaryIO, size: int, *, keep: int) -> Iterator[tuple[int, int | bytes]]:
    """Fields of a protobuf message: numbers, and the bytes of field `keep`; other bytes are skipped."""
    while file.tell() < size:
        key = _varint(file)
        field, kind = key >> 3, key & 7
        if kind == _VARINT:
            yield field, _varint(file)
        elif kind == _BYTES:
            length = _varint(file)
            if field == keep:
                yield field, file.read(length)
            else:
                file.seek(length, 1)
        elif kind in {_FIXED32, _FIXED64}:
            file.seek(4 if kind == _FIXED32 else 8, 1)
        else:
            raise ValueError(f"not a protobuf message: field of kind {kind} at byte {file.tell()}")


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError(f"not a protobuf message: a number does not end at byte {file.tell()}")
