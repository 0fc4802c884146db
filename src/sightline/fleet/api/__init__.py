"""The coordinator over HTTP."""
