"""Which camera goes on which instance, and which instance on which machine, and why. Pure."""
