"""The document's models of an instance of DeepStream, under the document's names.

numbers    enums with DeepStream's numbers, each with its meaning
infer      what each file of Gst-nvinfer may have
primary    what finds: files of Gst-nvinfer
secondary  what tells apart: files of Gst-nvinfer
align      what prepares faces: a file of Gst-nvdspreprocess
instance   cameras, the application, an instance, a node
part       what they have in common: how strict they are, and which keys of DeepStream's they become
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.deepstream.models.address import Address
    from sightline.deepstream.models.align import FACE_align_config
    from sightline.deepstream.models.infer import NVinferConfig
    from sightline.deepstream.models.instance import (
        DsAppConfig,
        DsInstance,
        DsInstanceConfig,
        InstanceStatus,
        NodeInfo,
        SingleSourceConfig,
        SourcesConfig,
    )
    from sightline.deepstream.models.numbers import (
        BoolEnum,
        ClusterMode,
        DsAppType,
        EncodeType,
        MemoryType,
        ModelColorFormat,
        NetworkMode,
        NetworkType,
        ProcessMode,
        SourceType,
        TensorDataType,
    )
    from sightline.deepstream.models.part import Entered, Part, Place, Written
    from sightline.deepstream.models.primary import FACE_pgie_config, MOT_pgie_config, PGIEConfig
    from sightline.deepstream.models.secondary import FACE_sgie_config, MOT_sgie_config, SGIEConfig

__all__ = [
    "Address",
    "BoolEnum",
    "ClusterMode",
    "DsAppConfig",
    "DsAppType",
    "DsInstance",
    "DsInstanceConfig",
    "EncodeType",
    "Entered",
    "FACE_align_config",
    "FACE_pgie_config",
    "FACE_sgie_config",
    "InstanceStatus",
    "MOT_pgie_config",
    "MOT_sgie_config",
    "MemoryType",
    "ModelColorFormat",
    "NVinferConfig",
    "NetworkMode",
    "NetworkType",
    "NodeInfo",
    "PGIEConfig",
    "Part",
    "Place",
    "ProcessMode",
    "SGIEConfig",
    "SingleSourceConfig",
    "SourceType",
    "SourcesConfig",
    "TensorDataType",
    "Written",
]

_HERE = "sightline.deepstream.models."

import_later(
    __name__,
    {
        f"{_HERE}address": "Address",
        f"{_HERE}align": "FACE_align_config",
        f"{_HERE}infer": "NVinferConfig",
        f"{_HERE}instance": (
            "DsAppConfig DsInstance DsInstanceConfig InstanceStatus NodeInfo SingleSourceConfig SourcesConfig"
        ),
        f"{_HERE}numbers": (
            "BoolEnum ClusterMode DsAppType EncodeType MemoryType ModelColorFormat NetworkMode NetworkType "
            "ProcessMode SourceType TensorDataType"
        ),
        f"{_HERE}part": "Entered Part Place Written",
        f"{_HERE}primary": "FACE_pgie_config MOT_pgie_config PGIEConfig",
        f"{_HERE}secondary": "FACE_sgie_config MOT_sgie_config SGIEConfig",
    },
)
