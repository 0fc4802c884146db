"""Pages of ours over HTTP: who may ask for one (`guard`, `guarded`), a server in a program
(`server`), and figures for Prometheus (`metrics`).

What a page shows belongs to whoever has something to show.
"""
