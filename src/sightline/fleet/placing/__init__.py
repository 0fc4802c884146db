"""Placing: which camera is on which instance, which instance on which machine, and why."""
