"""`Comux`: cameras off a log in batches, and their packets on again with the results.

The steps may be taken one by one, as the names say: `setup_consumers`, `setup_controller`, `setup_decoders`,
`setup_producer`, `start`, then `get_batch` and `send` for ever. Or all is given at once, and a `with` block
and a `for` loop do the rest:

    with Comux(["gate", "yard"], bus="kafka://broker", out_bus="kafka://broker", rate=10) as mux:
        for batch in mux:
            for cam_id, index, array in batch: ...

Where bootstrap servers are asked for, `host:port` of Kafka will do, several of them, or the URL of any bus
that is a log. Threads do not grow with cameras. What is promised of packets and results stands in
`sightline.mux.course` and `.forward`; the threads are those of `sightline.mux.engine`.

With `strict_on_fail` what fails is raised: by the call that failed, and by `get_batch` where a broker was lost
or took no message meanwhile. Without, it is logged and tried again.
"""

from __future__ import annotations

import operator
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self, TypeAlias, TypeVar

from sightline.bus import Bus, open_bus, open_log
from sightline.bus.kafka_address import kafka_url
from sightline.errors import Closed, ConfigError
from sightline.frame import Size
from sightline.log import at_level
from sightline.mux.acts import Act
from sightline.mux.attempts import Attempts
from sightline.mux.control import Control
from sightline.mux.delivery import Batch, Item
from sightline.mux.engine import Engine
from sightline.mux.engine_stats import EngineStats
from sightline.mux.fleet import Fleet
from sightline.mux.forward import Answer
from sightline.mux.handles import CameraConsumer, CameraThread
from sightline.mux.schema import OutputFunction, schema_of
from sightline.mux.settings import MAX_OFFSET_DIFF
from sightline.mux.steered import CameraState
from sightline.mux.terminate import PidFile
from sightline.mux.values import Results
from sightline.mux.wishes import LeftOut, no_options, second_form
