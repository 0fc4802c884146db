"""GLib's own reader of key files, through ctypes: bytes in, bytes out, None where it sets an error."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint64, c_void_p
from typing import Any

LANGUAGE_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


@contextmanager
def no_language() -> Iterator[None]:
    """No language is set, as in DeepStream's containers: GLib drops keys of others as it reads."""
    kept = {name: os.environ.pop(name, None) for name in LANGUAGE_VARIABLES}
    os.environ["LC_ALL"] = "C"
    try:
        yield
    finally:
        del os.environ["LC_ALL"]
        os.environ.update({name: value for name, value in kept.items() if value is not None})


class GLib:
    """The library, as this file needs it."""

    def __init__(self, library: str) -> None:
        self._library = ctypes.CDLL(library)
        self.new = self._function("g_key_file_new", c_void_p)
        self.free_file = self._function("g_key_file_free", None, c_void_p)
        self.free = self._function("g_free", None, c_void_p)
        self.free_words = self._function("g_strfreev", None, c_void_p)
        self.clear_error = self._function("g_clear_error", None, c_void_p)
        self.load = self._function(
            "g_key_file_load_from_data", c_int, c_void_p, c_char_p, c_size_t, c_int, c_void_p
        )
        self.groups = self._function("g_key_file_get_groups", c_void_p, c_void_p, c_void_p)
        self.keys = self._function("g_key_file_get_keys", c_void_p, c_void_p, c_char_p, c_void_p, c_void_p)
        self.set_string = self._function(
            "g_key_file_set_string", None, c_void_p, c_char_p, c_char_p, c_char_p
        )
        self.set_words = self._function(
            "g_key_file_set_string_list", None, c_void_p, c_char_p, c_char_p, c_void_p, c_size_t
        )
        self.getters = {name: self._getter(name, kind) for name, kind in GETTERS.items()}
        self.list_getters = {name: self._getter(f"{name}_list", c_void_p, c_void_p) for name in LISTS}

    @contextmanager
    def in_silence(self) -> Iterator[None]:
        """It warns of itself where a value has two mistakes."""
        set_handler = self._function("g_log_set_default_handler", c_void_p, c_void_p, c_void_p)
        silent = ctypes.CFUNCTYPE(None, c_char_p, c_int, c_char_p, c_void_p)(lambda *_: None)
        before = set_handler(silent, None)
        try:
            yield
        finally:
            set_handler(before, None)

    def _function(self, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
        function = self._library[name]
        function.restype, function.argtypes = result, arguments
        return function

    def _getter(self, name: str, result: Any, *more: Any) -> Callable[..., Any]:
        return self._function(f"g_key_file_get_{name}", result, c_void_p, c_char_p, c_char_p, *more, c_void_p)


GETTERS = {
    "value": c_void_p,
    "string": c_void_p,
    "integer": c_int,
    "int64": c_int64,
    "uint64": c_uint64,
    "double": c_double,
    "boolean": c_int,
}
LISTS: dict[str, Any] = {"string": c_char_p, "integer": c_int, "double": c_double}


class GLibFile:
    """A text that GLib has loaded, or refused: then `loaded` is False. To be closed."""

    def __init__(self, glib: GLib, data: bytes) -> None:
        self._glib = glib
        self._file = glib.new()
        error = c_void_p()
        self.loaded = bool(glib.load(self._file, data, len(data), 0, byref(error)))
        glib.clear_error(byref(error))

    def close(self) -> None:
        self._glib.free_file(self._file)

    def groups(self) -> list[bytes]:
        count = c_size_t()
        return self._words(self._glib.groups(self._file, byref(count)), count.value)

    def keys(self, group: bytes) -> list[bytes]:
        count = c_size_t()
        return self._words(self._glib.keys(self._file, group, byref(count), None), count.value)

    def get(self, getter: str, group: bytes, key: bytes) -> Any:
        """What `g_key_file_get_<getter>` gives."""
        kind, error = GETTERS[getter], c_void_p()
        found = self._glib.getters[getter](self._file, group, key, byref(error))
        if kind is c_void_p and found is not None:
            pointer, found = found, ctypes.string_at(found)
            self._glib.free(pointer)
        return None if self._failed(error) else found

    def get_list(self, getter: str, group: bytes, key: bytes) -> list[Any] | None:
        """What `g_key_file_get_<getter>_list` gives."""
        count, error = c_size_t(), c_void_p()
        pointer = self._glib.list_getters[getter](self._file, group, key, byref(count), byref(error))
        if self._failed(error):
            return None
        if getter == "string":
            return self._words(pointer, count.value)
        found = ctypes.cast(pointer, POINTER(LISTS[getter]))[: count.value] if pointer else []
        self._glib.free(pointer)
        return list(found)

    def set_string(self, key: str, text: str) -> bytes:
        """The raw value that it has for this text."""
        self._glib.set_string(self._file, b"g", key.encode(), text.encode())
        return bytes(self.get("value", b"g", key.encode()))

    def set_words(self, key: str, words: list[str]) -> bytes:
        """The raw value that it has for these words."""
        array = (c_char_p * len(words))(*(word.encode() for word in words))
        self._glib.set_words(self._file, b"g", key.encode(), array, len(words))
        return bytes(self.get("value", b"g", key.encode()))

    def _words(self, pointer: int, count: int) -> list[bytes]:
        found = ctypes.cast(pointer, POINTER(c_char_p))[:count]
        self._glib.free_words(pointer)
        return [word or b"" for word in found]

    def _failed(self, error: c_void_p) -> bool:
        failed = error.value is not None
        if failed:
            self._glib.clear_error(byref(error))
        return failed
