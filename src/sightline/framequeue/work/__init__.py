"""Workers of ours: what takes a key, has its picture handled, and says how that ended."""
