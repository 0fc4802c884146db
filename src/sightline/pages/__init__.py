"""Pages of ours over HTTP: who may ask for one (`guard`, `guarded`), and a server in a program (`server`).

What a page shows belongs to whoever has something to show.
"""
