"""Runs a command that does not outlive whoever started it: `python -m bench.child_process COMMAND ...`

The starter keeps the write end of this process's standard input, which the system closes however the starter ends. This
process is the head of a process group, which then ends: asked first, made to after a while.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 5.0


def main() -> int:
    """Exit code of the command."""
    # Of a signal to the whole group, the command makes what it will; this process follows it.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    return command.wait()


def _end_with_the_starter() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
