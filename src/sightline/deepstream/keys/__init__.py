"""Tables of the keys that DeepStream reads, a module a kind of file; `opening` finds the one for a kind."""
