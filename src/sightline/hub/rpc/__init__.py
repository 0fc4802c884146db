"""Calls of methods that another client serves.

The side that is called has `find_served` and a `Dispatcher`, the side that calls `make_proxy`; between them
go the frames of `sightline.hub.rpc.messages`. No transport in here: whoever has a connection hands frames in
and sends those that come out.
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
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

import_later(
    __name__,
    {
        "sightline.hub.rpc.description": "Method description_from_bytes description_to_bytes",
        "sightline.hub.rpc.dispatch": "Dispatcher DispatchStats",
        "sightline.hub.rpc.proxy": "Remote make_proxy",
        "sightline.hub.rpc.serving": "Served find_served rpc",
    },
)
