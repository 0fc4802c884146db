"""protoc, Google's own compiler of protobuf schemas: it says and reads messages without any code of ours."""

from tools.services.service import Service, apt, on_path

PROTOC = Service(
    name="protoc",
    purpose="an independent writer and reader of protobuf",
    look=on_path("protoc"),
    install=(apt("protobuf-compiler"),),
    variable="SIGHTLINE_PROTOC",
)
