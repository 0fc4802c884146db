"""What the pipe's own process does for its flows: begins, connects, asks, and hears them."""
