"""Files of DeepStream as GLib and yaml-cpp read them, and what their readers make of a value."""
