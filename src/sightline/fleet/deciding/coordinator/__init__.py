"""What the coordinator decides (`machine`); its shell is `fleet.coordinator`."""
