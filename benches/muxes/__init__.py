"""Those who take cameras' packets off Kafka: `python -m benches.muxes CONTENDER JOB`, a process each.

A module is a contender; its `run(job)` takes pictures of all cameras, keeps of each what tells it apart from
others, and sends results on. They run under the peer's own interpreter, and import no more than that holds.
"""
