"""DeepStream's configuration: read, judged, converted, compared, taken over, generated; without a GPU.

Files are read exactly as GLib and yaml-cpp read them, and judged by what NVIDIA's parsers do with what is in
them. Nothing here runs DeepStream, and nothing of it needs to be installed.

    load, loads, write            a file as it stands
    lint, lint_path               what DeepStream would make of it
    convert                       the same in the other form
    diff, same                    what two files mean differently
    import_file                   a site of Sightline, made of an application
    generate                      all files of an instance of the fleet's document (models: DsInstance)
    read_minimal, write_nv_frame  its messages, from our results and into them
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.deepstream.comparing.converting import Converted, convert, write
    from sightline.deepstream.comparing.differing import Difference, How, diff, same
    from sightline.deepstream.comparing.meaning import Meaning, Setting, meaning_of
    from sightline.deepstream.document import ConfigFile, Entry, Form, Group
    from sightline.deepstream.findings import Finding, Severity, What, would_load
    from sightline.deepstream.generating import Debug, Generated, Layout, generate
    from sightline.deepstream.importing.site import Imported, import_file
    from sightline.deepstream.judging.linting import lint, lint_path
    from sightline.deepstream.kinds import Kind, kind_of
    from sightline.deepstream.messages import (
        Unsaid,
        read_minimal,
        read_nv_frame,
        write_minimal,
        write_nv_frame,
    )
    from sightline.deepstream.models import (
        BoolEnum,
        ClusterMode,
        DsAppConfig,
        DsAppType,
        DsInstance,
        DsInstanceConfig,
        EncodeType,
        FACE_align_config,
        FACE_pgie_config,
        FACE_sgie_config,
        InstanceStatus,
        MemoryType,
        ModelColorFormat,
        MOT_pgie_config,
        MOT_sgie_config,
        NetworkMode,
        NetworkType,
        NodeInfo,
        PGIEConfig,
        ProcessMode,
        SGIEConfig,
        SingleSourceConfig,
        SourcesConfig,
        SourceType,
        TensorDataType,
    )
    from sightline.deepstream.reading.loading import load, loads
    from sightline.deepstream.refusal import Refused, ValueRefused

__all__ = [
    "BoolEnum",
    "ClusterMode",
    "ConfigFile",
    "Converted",
    "Debug",
    "Difference",
    "DsAppConfig",
    "DsAppType",
    "DsInstance",
    "DsInstanceConfig",
    "EncodeType",
    "Entry",
    "FACE_align_config",
    "FACE_pgie_config",
    "FACE_sgie_config",
    "Finding",
    "Form",
    "Generated",
    "Group",
    "How",
    "Imported",
    "InstanceStatus",
    "Kind",
    "Layout",
    "MOT_pgie_config",
    "MOT_sgie_config",
    "Meaning",
    "MemoryType",
    "ModelColorFormat",
    "NetworkMode",
    "NetworkType",
    "NodeInfo",
    "PGIEConfig",
    "ProcessMode",
    "Refused",
    "SGIEConfig",
    "Setting",
    "Severity",
    "SingleSourceConfig",
    "SourceType",
    "SourcesConfig",
    "TensorDataType",
    "Unsaid",
    "ValueRefused",
    "What",
    "convert",
    "diff",
    "generate",
    "import_file",
    "kind_of",
    "lint",
    "lint_path",
    "load",
    "loads",
    "meaning_of",
    "read_minimal",
    "read_nv_frame",
    "same",
    "would_load",
    "write",
    "write_minimal",
    "write_nv_frame",
]

import_later(
    __name__,
    {
        "sightline.deepstream.comparing.converting": "Converted convert write",
        "sightline.deepstream.comparing.differing": "Difference How diff same",
        "sightline.deepstream.document": "ConfigFile Entry Form Group",
        "sightline.deepstream.findings": "Finding Severity What would_load",
        "sightline.deepstream.generating": "Debug Generated Layout generate",
        "sightline.deepstream.importing.site": "Imported import_file",
        "sightline.deepstream.kinds": "Kind kind_of",
        "sightline.deepstream.judging.linting": "lint lint_path",
        "sightline.deepstream.reading.loading": "load loads",
        "sightline.deepstream.comparing.meaning": "Meaning Setting meaning_of",
        "sightline.deepstream.messages": ("Unsaid read_minimal read_nv_frame write_minimal write_nv_frame"),
        "sightline.deepstream.models": (
            "BoolEnum ClusterMode DsAppConfig DsAppType DsInstance DsInstanceConfig EncodeType "
            "FACE_align_config FACE_pgie_config FACE_sgie_config InstanceStatus MOT_pgie_config "
            "MOT_sgie_config MemoryType ModelColorFormat NetworkMode NetworkType NodeInfo PGIEConfig "
            "ProcessMode SGIEConfig SingleSourceConfig SourceType SourcesConfig TensorDataType"
        ),
        "sightline.deepstream.refusal": "Refused ValueRefused",
    },
)
