"""Wires: what carries messages from one routine to the next, in a process and between two."""
