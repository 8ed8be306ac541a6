"""Run by path before each process of the desk: take on an identity, die with the desk, become the command.

    python tether.py PARENT UID GID SIGNAL COMMAND...

The work is done in a program of its own because between fork and exec of a threaded program almost
nothing may be done safely. UID and GID are -1 to stay who we are.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, uid, gid, signal_number = (int(word) for word in sys.argv[1:5])
    command = sys.argv[5:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # Only Linux can send a signal when the parent dies; elsewhere the guard alone does it.
    if sys.platform == "linux":
        # After setuid, which clears it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606 - that is what it is for
    except OSError as problem:
        sys.exit(f"{command[0]} cannot be started: {problem.strerror}.")


main()
