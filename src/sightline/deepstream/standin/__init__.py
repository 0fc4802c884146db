"""A program that stands where `deepstream-app` would: for tests of what runs it, on machines without a GPU.

`python -m sightline.deepstream.standin -c FILE` reads its files as strictly as the real application, says on
its standard output what that says, answers its health routes, sends messages to its brokers, obeys the same
signals with the same exit codes, and fails when and how it is told to (`STANDIN_FAULTS`). It looks at no
camera and no picture: what it says of them is made up, and plainly so.
"""
