"""What keys go over with nothing else installed: memory, a file of SQLite, the hub."""
