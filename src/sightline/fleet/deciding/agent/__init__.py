"""What an agent decides (`machine`); its shell is `fleet.agent`."""
