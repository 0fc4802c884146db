"""The page of a fleet: what is wanted, what there is, and live pictures."""
