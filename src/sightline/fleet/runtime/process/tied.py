"""A program that ends when who began it does: run by its path, with nothing of Sightline imported.

    python -I -S tied.py PARENT FOLDER PROGRAM ARGUMENT...

The kernel kills it when the thread of the process PARENT that began it ends (prctl(2), PR_SET_PDEATHSIG,
kept across exec), and it runs in FOLDER. Programs of others, such as `deepstream-app`, do not see to that
themselves. On systems other than Linux it only changes the folder.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_NOT_FOUND = 127  # as shells have it


def main(arguments: list[str]) -> int:
    """Becomes the program; gives an exit code where it cannot."""
    parent, folder, *command = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):  # it ended before that call
            return _NOT_FOUND
    try:
        os.chdir(folder)
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{command[0]} in {folder} cannot be run: {error.strerror}\n")
    return _NOT_FOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
