"""Instances as containers (`runtime`), and the guard that outlives their agent."""
