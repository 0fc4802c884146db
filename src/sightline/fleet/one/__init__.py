"""A site as a fleet of one: coordinator, agent and the site itself in one process (`up`)."""
