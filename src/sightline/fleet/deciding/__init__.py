"""What decides, pure: events and a time in, actions out. No I/O, thread or clock; shells are elsewhere."""
