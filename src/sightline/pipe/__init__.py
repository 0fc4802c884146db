"""Pipes: routines in flows, flows as processes, wires between them, and events to all of them.

A routine does one thing with one message. A flow is a process of routines; a pipe is flows, the wires between
their routines, and the events that start, stop and steer them. It promises: what a wire drops is counted by
its reason, and a lossless one drops nothing while its two ends live; a routine that fails costs one message;
a flow that dies is begun again with its wires; nobody outlives the pipe. It knows nothing of video.
"""

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.pipe.counts.metrics import PipeCollector
    from sightline.pipe.counts.reports import DurationStats, RoutineStats
    from sightline.pipe.counts.stats import FlowStats, PipeState, PipeStats, WireStats
    from sightline.pipe.data import Data, FrameData
    from sightline.pipe.event_names import KILL_EVENT_NAME, LOG_DATA, START_EVENT_NAME, STOP_EVENT_NAME
    from sightline.pipe.fps import FPS_MULTIPLIER, ROUTINE_NOTIFY_DURATIONS_INTERVAL, FPSRoutine
    from sightline.pipe.functional import FunctionalMiddleRoutine, routine
    from sightline.pipe.handlers import events
    from sightline.pipe.message import Message
    from sightline.pipe.mistakes import PipeError
    from sightline.pipe.network import MessageHandler, Network, QueueHandler, QueueNetwork
    from sightline.pipe.outside.api import APIWrapper
    from sightline.pipe.outside.rpc import RPCPipeWrapper
    from sightline.pipe.outside.socket_logs import get_socket_logger
    from sightline.pipe.parent.board import EventBoard, EventReport
    from sightline.pipe.pictures import log_picture
    from sightline.pipe.pipe import Pipe
    from sightline.pipe.roles import DestinationRoutine, MiddleRoutine, SourceRoutine
    from sightline.pipe.routine import Routine
    from sightline.pipe.settings import Policy, Retry, RoutineSettings, WireSettings
    from sightline.pipe.several import Several
    from sightline.pipe.transmitters import (
        BasicTransmitter,
        DataTransmitter,
        FileTransmitter,
        SharedMemoryTransmitter,
    )
    from sightline.pipe.wire import Wire
    from sightline.supervise.policy import Restart

__all__ = [
    "FPS_MULTIPLIER",
    "KILL_EVENT_NAME",
    "LOG_DATA",
    "ROUTINE_NOTIFY_DURATIONS_INTERVAL",
    "START_EVENT_NAME",
    "STOP_EVENT_NAME",
    "APIWrapper",
    "BasicTransmitter",
    "Data",
    "DataTransmitter",
    "DestinationRoutine",
    "DurationStats",
    "EventBoard",
    "EventReport",
    "FPSRoutine",
    "FileTransmitter",
    "FlowStats",
    "FrameData",
    "FunctionalMiddleRoutine",
    "Message",
    "MessageHandler",
    "MiddleRoutine",
    "Network",
    "Pipe",
    "PipeCollector",
    "PipeError",
    "PipeState",
    "PipeStats",
    "Policy",
    "QueueHandler",
    "QueueNetwork",
    "RPCPipeWrapper",
    "Restart",
    "Retry",
    "Routine",
    "RoutineSettings",
    "RoutineStats",
    "Several",
    "SharedMemoryTransmitter",
    "SourceRoutine",
    "Wire",
    "WireSettings",
    "WireStats",
    "dataclass",
    "events",
    "field",
    "fields",
    "get_socket_logger",
    "log_picture",
    "routine",
]

import_later(
    __name__,
    {
        "sightline.pipe.parent.board": "EventBoard EventReport",
        "sightline.pipe.data": "Data FrameData",
        "sightline.pipe.event_names": "KILL_EVENT_NAME LOG_DATA START_EVENT_NAME STOP_EVENT_NAME",
        "sightline.pipe.fps": "FPS_MULTIPLIER ROUTINE_NOTIFY_DURATIONS_INTERVAL FPSRoutine",
        "sightline.pipe.functional": "FunctionalMiddleRoutine routine",
        "sightline.pipe.handlers": "events",
        "sightline.pipe.message": "Message",
        "sightline.pipe.mistakes": "PipeError",
        "sightline.pipe.network": "MessageHandler Network QueueHandler QueueNetwork",
        "sightline.pipe.outside.api": "APIWrapper",
        "sightline.pipe.outside.rpc": "RPCPipeWrapper",
        "sightline.pipe.outside.socket_logs": "get_socket_logger",
        "sightline.pipe.pictures": "log_picture",
        "sightline.pipe.pipe": "Pipe",
        "sightline.pipe.counts.metrics": "PipeCollector",
        "sightline.pipe.counts.reports": "DurationStats RoutineStats",
        "sightline.pipe.roles": "DestinationRoutine MiddleRoutine SourceRoutine",
        "sightline.pipe.routine": "Routine",
        "sightline.pipe.settings": "Policy Retry RoutineSettings WireSettings",
        "sightline.pipe.several": "Several",
        "sightline.pipe.counts.stats": "FlowStats PipeState PipeStats WireStats",
        "sightline.pipe.transmitters": "BasicTransmitter DataTransmitter FileTransmitter "
        "SharedMemoryTransmitter",
        "sightline.pipe.wire": "Wire",
        "sightline.supervise.policy": "Restart",
    },
)
