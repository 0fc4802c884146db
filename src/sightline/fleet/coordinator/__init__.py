"""The coordinator: who is in the fleet, and what runs where."""
