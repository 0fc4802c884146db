"""The low-level tracker's YAML (NvMultiObjectTracker), and the `[tracker]` that deepstream-test2 reads alone.

Groups, keys, ranges and defaults of the library are what NVIDIA documents of it (the tables of parameters of
Gst-nvtracker); the library is closed. That is why nothing here refuses a file: what the library makes of a
wrong value is not known, and unknown keys are said to be passed over.

Deliberately not here: the `[tracker]` of deepstream-app (`app_inference`).
"""

from __future__ import annotations

from functools import partial

from sightline.deepstream.keys.app_rows import ONLY_TEXT, ONLY_YAML
from sightline.deepstream.keys.key import GroupTable, Key, Outside, Type

_DOCUMENTED = "docs.nvidia.com/metropolis/deepstream/dev-guide/text/DS_plugin_gst-nvtracker.html"

_integer = partial(Key, type=Type.INTEGER, outside=Outside.TAKEN, unreadable=Outside.TAKEN)
_number = partial(Key, type=Type.NUMBER, outside=Outside.TAKEN, unreadable=Outside.TAKEN)
_string = partial(Key, type=Type.STRING, outside=Outside.TAKEN, unreadable=Outside.TAKEN)
_any = partial(Key, type=Type.ANY)


def _flag(name: str, default: str | None = "0") -> Key:
    """Documented as a boolean; NVIDIA's files have 0 and 1."""
    return Key(name=name, type=Type.ANY, default=default)


def _share(name: str, default: str | None) -> Key:
    return _number(name=name, default=default, low=0, high=1)


def _age(name: str, default: str | None, low: int = 0) -> Key:
    return _integer(name=name, default=default, low=low, note="frames")


def _positive(name: str, default: str | None = None) -> Key:
    return _number(name=name, default=default, low=0)


def _group(name: str, *keys: Key) -> GroupTable:
    return GroupTable(name=name, source=_DOCUMENTED, forms=ONLY_YAML, keys=keys)


_NETWORK = (
    _integer(name="batchSize", default="1", low=1),
    _integer(name="workspaceSize", default="20", low=1, note="MB"),
    _any(name="inferDims", default="[128, 64, 3]"),
    _integer(name="networkMode", default="0", choices={0: "FP32", 1: "FP16", 2: "INT8"}),
    _integer(name="inputOrder", default="1", choices={0: "NCHW", 1: "NHWC"}),
    _integer(name="colorFormat", default="0", choices={0: "RGB", 1: "BGR"}),
    _any(name="offsets", default="[0, 0, 0]"),
    _positive("netScaleFactor", "1"),
    _string(name="onnxFile"),
    _string(name="tltEncodedModel"),
    _string(name="tltModelKey"),
    _string(name="modelEngineFile"),
    _string(name="calibrationTableFile", note="for INT8"),
    _flag("useVPICropScaler"),
)

BASE = _group("BaseConfig", _number(name="minDetectorConfidence", default="0"))

TARGETS = _group(
    "TargetManagement",
    _flag("preserveStreamUpdateOrder"),
    _integer(
        name="maxTargetsPerStream",
        default="30",
        low=0,
        high=65535,
        note="with those in shadow; memory is taken for all of them at the start",
    ),
    _share("minIouDiff4NewTarget", "0.5"),
    _share("minTrackerConfidence", None),
    _flag("enableBboxUnClipping"),
    _age("probationAge", "5"),
    _age("maxShadowTrackingAge", "38"),
    _age("earlyTerminationAge", "2"),
    _positive("searchRegionPaddingScale"),
    _flag("outputTerminatedTracks"),
    _flag("outputShadowTracks"),
    _string(name="terminatedTrackFilename"),
    _age("maxTrajectoryBufferLength", None, low=-1),  # documented from 1; NVIDIA's multi-view sample has -1
)

TRAJECTORIES = _group(
    "TrajectoryManagement",
    _flag("useUniqueID"),
    _flag("enableReAssoc"),
    _share("minMatchingScore4Overall", "0.4"),
    _share("minTrackletMatchingScore", "0.4"),
    _share("minMatchingScore4ReidSimilarity", "0.8"),
    _share("matchingScoreWeight4TrackletSimilarity", "1"),
    _share("matchingScoreWeight4ReidSimilarity", "0"),
    _age("minTrajectoryLength4Projection", "20"),
    _age("prepLength4TrajectoryProjection", "10"),
    _age("trajectoryProjectionLength", "90"),
    _integer(name="maxAngle4TrackletMatching", default="40", low=0, high=180),
    _share("minSpeedSimilarity4TrackletMatching", "0.3"),
    _share("minBboxSizeSimilarity4TrackletMatching", "0.6"),
    _age("maxTrackletMatchingTimeSearchRange", "20"),
    _positive("trajectoryProjectionProcessNoiseScale", "1"),
    _positive("trajectoryProjectionMeasurementNoiseScale", "1"),
    _positive("trackletSpacialSearchRegionScale", "0"),
    _age("reidExtractionInterval", "0", low=-1),
    _flag("useUncoveredAreaDetection", None),
)

ASSOCIATION = _group(
    "DataAssociator",
    _integer(name="dataAssociatorType", default="0", choices={0: "default"}),
    _integer(name="associationMatcherType", default="0", choices={0: "greedy", 1: "cascaded"}),
    _flag("checkClassMatch"),
    _flag("usePrediction4Assoc"),
    _number(name="thresholdMahalanobis", default="-1: off"),
    _share("minMatchingScore4Overall", "0"),
    _share("minMatchingScore4SizeSimilarity", "0"),
    _share("minMatchingScore4Iou", "0"),
    _share("minMatchingScore4VisualSimilarity", "0"),
    _share("minMatchingScore4ReidSimilarity", "0"),
    _share("matchingScoreWeight4SizeSimilarity", "0"),
    _share("matchingScoreWeight4Iou", "1"),
    _share("matchingScoreWeight4VisualSimilarity", "0"),
    _share("matchingScoreWeight4ReidSimilarity", "0"),
    _share("tentativeDetectorConfidence", "0.5"),
    _share("minMatchingScore4TentativeIou", "0"),
    _share("minMatchingScore4PeerAssocIou", None),
)

ESTIMATION = _group(
    "StateEstimator",
    _integer(
        name="stateEstimatorType",
        default="0",
        choices={0: "none", 1: "simple", 2: "regular", 3: "simple, of the place on the ground"},
    ),
    _positive("processNoiseVar4Loc", "2"),
    _positive("processNoiseVar4Size", "1"),
    _positive("processNoiseVar4Vel", "0.1"),
    _positive("measurementNoiseVar4Detector", "4"),
    _positive("measurementNoiseVar4Tracker", "16"),
    _number(name="noiseWeightVar4Loc", default="-0.1: not set"),
    _number(name="noiseWeightVar4Vel", default="-0.1: not set"),
    _flag("useAspectRatio"),
)

VISUAL = _group(
    "VisualTracker",
    _integer(name="visualTrackerType", choices={0: "none", 1: "NvDCF", 2: "NvDCF by VPI"}),
    _integer(name="vpiBackend4DcfTracker", choices={1: "CUDA", 2: "PVA, on Jetson"}),
    _flag("useColorNames", None),
    _flag("useHog", None),
    _flag("useHighPrecisionFeature", None),
    _integer(name="featureImgSizeLevel", low=1, high=5),
    _number(name="featureFocusOffsetFactor_y", low=-0.5, high=0.5),
    _share("filterLr", None),
    _share("filterChannelWeightsLr", None),
    _positive("gaussianSigma"),
    _positive("searchRegionPaddingScale"),
)

REID = _group(
    "ReID",
    _integer(
        name="reidType",
        default="0",
        choices={0: "none", 1: "NvDeepSORT", 2: "for re-association", 3: "both"},
    ),
    _integer(name="reidFeatureSize", default="128", low=1),
    _integer(name="reidHistorySize", default="100", low=1),
    _flag("addFeatureNormalization"),
    _flag("keepAspc", "1"),
    _flag("outputReidTensor"),
    _share("minVisibility4GalleryUpdate", None),
    _string(name="inputBlobName", note="of UFF models"),
    _string(name="outputBlobName", note="of UFF models"),
    _string(name="uffFile"),
    *_NETWORK,
)

SEGMENTATION = _group(
    "Segmenter",
    _integer(name="segmenterType", choices={0: "none", 1: "SAM2"}),
    _string(name="segmenterConfigPath"),
)

PROJECTION = _group(
    "ObjectModelProjection",
    _any(name="cameraModelFilepath", note="one for each stream"),
    _any(name="objectModelType"),
    _flag("outputVisibility"),
    _flag("outputFootLocation"),
    _flag("outputConvexHull", "1"),
    _integer(name="maxConvexHullSize", default="15", low=1),
    _share("minPoseConfidence", None),
)

POSES = _group(
    "PoseEstimator",
    _integer(name="poseEstimatorType", choices={0: "none", 1: "BodyPose3DNet"}),
    _integer(name="poseInferenceInterval", low=-1),
    *_NETWORK,
)

# Of several cameras together; NVIDIA's tables do not have their keys.
_SEVERAL = tuple(
    _group(name, _any(name="{NAME}")) for name in ("MultiViewAssociator", "Communicator", "ReIDService")
)

TEST2 = GroupTable(
    name="tracker",
    source="src/apps/sample_apps/deepstream-test2/deepstream_test2_app.c",
    forms=ONLY_TEXT,
    keys=(
        Key(
            name="tracker-width",
            type=Type.INTEGER,
            default="the element's own 960",
            low=0,
            outside=Outside.TAKEN,
        ),
        Key(
            name="tracker-height",
            type=Type.INTEGER,
            default="the element's own 544",
            low=0,
            outside=Outside.TAKEN,
        ),
        Key(name="gpu-id", type=Type.INTEGER, default="0", low=0, outside=Outside.TAKEN),
        Key(name="ll-lib-file", type=Type.PATH),
        Key(name="ll-config-file", type=Type.PATH),
    ),
)

TABLES = (
    TEST2,
    BASE,
    TARGETS,
    TRAJECTORIES,
    ASSOCIATION,
    ESTIMATION,
    VISUAL,
    REID,
    SEGMENTATION,
    PROJECTION,
    POSES,
    *_SEVERAL,
)
