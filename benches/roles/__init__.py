"""What a contender's processes do: `python -m benches.roles CONTENDER ROLE JOB`, each in its own.

A module is a contender or a few that differ in a `variant`; its functions are the roles: `server(job)`,
`write(job, feed)`, `read(job, tally)`; for calls `answer(job)` and `call(job, calls)`. They run under the
peer's own interpreter, Python 3.9 for one of them, and import no more than the peer's environment holds.
"""
