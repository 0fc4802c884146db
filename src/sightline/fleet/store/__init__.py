"""The coordinator's database: what users want, who is in the fleet, and what was decided."""
