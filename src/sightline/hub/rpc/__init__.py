"""Calls of methods that another client serves.

The side that is called has `find_served` and a `Dispatcher`, the side that calls `make_proxy`; between them
go the frames of `sightline.hub.rpc.messages`. No transport in here: whoever has a connection hands frames in
and sends those that come out.
"""

from sightline.hub.rpc.description import Method, description_from_bytes, description_to_bytes
from sightline.hub.rpc.dispatch import Dispatcher, DispatchStats
from sightline.hub.rpc.proxy import Remote, make_proxy
from sightline.hub.rpc.serving import Served, find_served, rpc

__all__ = [
    "DispatchStats",
    "Dispatcher",
    "Method",
    "Remote",
    "Served",
    "description_from_bytes",
    "description_to_bytes",
    "find_served",
    "make_proxy",
    "rpc",
]
