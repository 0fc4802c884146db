"""Calls by zerorpc's protocol, version 3: its own clients call a pipe, and we call whoever it serves.

What is said is pure (`event`, `answering`, `asking`); `server` and `client` carry it over ZeroMQ, without
gevent and without zerorpc. Nothing of a network is unpickled: it is MessagePack.
"""
