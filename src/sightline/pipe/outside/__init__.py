"""A pipe from outside: over HTTP, by remote calls, and in its logs."""
