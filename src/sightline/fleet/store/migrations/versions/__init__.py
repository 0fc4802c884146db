"""One module a revision; their ids are numbers, so that a newer one can be told by itself."""
