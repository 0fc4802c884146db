"""The fleet's messages over a bus: signed, checked, read from the topics."""
