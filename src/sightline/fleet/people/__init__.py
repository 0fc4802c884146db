"""Who may do what: roles, who is asking, and on whose behalf something is written. Pure."""
