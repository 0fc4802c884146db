"""The messages of `nv.Frame` (DeepStream's protobuf schema), built when they are first used.

The numbers and types below are facts of NVIDIA's schema.proto in nvmsgconv; `sightline` is ours (see
`envelope`). They are built into a pool of their own rather than generated, because a pool takes each name
once, and a program may well have NVIDIA's generated `nv.Frame` loaded beside this one. Messages that a Frame
does not reach (nv.Message, nv.Event, ...) are not here.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any, Final

from sightline.errors import MissingExtra

OUR_FIELD: Final = 51015

# name:number:type; `*` before a type: repeated; `%`: a map of texts to texts.
_MESSAGES: Final = {
    "Frame": "version:1:string id:2:string timestamp:3:google.protobuf.Timestamp sensorId:4:string "
    f"objects:5:*nv.Object sightline:{OUR_FIELD}:bytes",
    "Object": "id:1:string bbox:2:nv.Bbox type:3:string confidence:4:float info:5:% embedding:6:nv.Embedding "
    "pose:7:nv.Pose gaze:8:nv.Gaze lipActivity:9:nv.LipActivity speed:10:float dir:11:*float "
    "coordinate:12:nv.Coordinate location:13:nv.Location",
    "Bbox": "leftX:1:float topY:2:float rightX:3:float bottomY:4:float",
    "Embedding": "vector:1:*float info:2:%",
    "Pose": "type:1:string keypoints:2:*nv.Pose.Keypoint actions:3:*nv.Pose.Action",
    "Pose.Keypoint": "name:1:string coordinates:2:*float quaternion:3:*float",
    "Pose.Action": "type:1:string confidence:2:float",
    "Gaze": "x:1:float y:2:float z:3:float theta:4:float phi:5:float",
    "LipActivity": "classLabel:1:string",
    "Coordinate": "x:1:double y:2:double z:3:double",
    "Location": "lat:1:double lon:2:double alt:3:double",
}


def _part(name: str) -> Any:
    try:
        return importlib.import_module(f"google.protobuf.{name}")
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != "google":  # Google's other packages bring that one as well
            raise
        raise MissingExtra(
            "protobuf is not installed; it comes with: pip install 'sightline[deepstream]'"
        ) from error


@cache
def frame_class() -> Any:
    """The class of `nv.Frame`, a protobuf message. Raises MissingExtra where protobuf is not installed."""
    pool = _part("descriptor_pool").DescriptorPool()
    pool.AddSerializedFile(_part("timestamp_pb2").DESCRIPTOR.serialized_pb)
    pool.Add(_file())
    return _part("message_factory").GetMessageClass(pool.FindMessageTypeByName("nv.Frame"))


def decode_error() -> type[Exception]:
    """What protobuf raises for bytes that are not a message."""
    error: type[Exception] = _part("message").DecodeError
    return error


def _file() -> Any:
    file = _part("descriptor_pb2").FileDescriptorProto(
        name="sightline/nv_frame.proto",
        package="nv",
        syntax="proto3",
        dependency=["google/protobuf/timestamp.proto"],
    )
    made: dict[str, Any] = {}
    for path, fields in _MESSAGES.items():
        outer, _, name = path.rpartition(".")
        made[path] = made[outer].nested_type.add(name=name) if outer else file.message_type.add(name=name)
        for field in fields.split():
            _add(made[path], path, *field.split(":"))
    return file


def _add(message: Any, path: str, name: str, number: str, kind: str) -> None:
    descriptor = _part("descriptor_pb2").FieldDescriptorProto
    field = message.field.add(name=name, number=int(number), label=descriptor.LABEL_OPTIONAL)
    if kind == "%":
        kind = f"*nv.{path}.{_map_of_texts(message, name)}"
    if kind.startswith("*"):
        field.label = descriptor.LABEL_REPEATED
    kind = kind.removeprefix("*")
    if "." in kind:
        field.type, field.type_name = descriptor.TYPE_MESSAGE, f".{kind}"
    else:
        field.type = getattr(descriptor, f"TYPE_{kind.upper()}")


def _map_of_texts(message: Any, name: str) -> str:
    """What a map is on the wire (protobuf's language guide): repeated messages of a key and a value."""
    entry = message.nested_type.add(name=f"{name.capitalize()}Entry")
    entry.options.map_entry = True
    for number, part in enumerate(("key", "value"), 1):
        _add(entry, "", part, str(number), "string")
    return str(entry.name)
