"""Live pictures of cameras for people, taken off the bus only while somebody looks."""
