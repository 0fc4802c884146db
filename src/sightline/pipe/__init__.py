"""Pipes: routines in flows, flows as processes, wires between them, and events to all of them.

A routine does one thing with one message. A flow is a process of routines; a pipe is flows, the wires between
their routines, and the events that start, stop and steer them. It promises: what a wire drops is counted by
its reason, and a lossless one drops nothing while its two ends live; a routine that fails costs one message;
a flow that dies is begun again with its wires; nobody outlives the pipe. It knows nothing of video.
"""
