"""GLib, the library that DeepStream reads its text files with: the judge of our own reader.

Only a library: who uses it loads it with ctypes.
"""

import ctypes

from tools.services.service import Service, apt

LIBRARY = "libglib-2.0.so.0"


def _look() -> str | None:
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    return LIBRARY


GLIB = Service(
    name="glib",
    purpose="the judge of how key files are read",
    look=_look,
    install=(apt("libglib2.0-0"),),
    variable="SIGHTLINE_GLIB",
)
