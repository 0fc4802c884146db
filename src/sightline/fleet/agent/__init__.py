"""The agent: what runs on a machine is made equal to what it was told last."""
