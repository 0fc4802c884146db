"""YAML as yaml-cpp 0.7 scans and parses it, down to the texts that it alone takes or refuses.

From bytes to a tree: `text` the characters, `patterns` what to look for, `scanner` (with `nesting`, `scalars`
and `properties`) the tokens, `parser` (with `directives`) the nodes, `loading` all of it.
"""
