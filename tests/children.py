"""Functions that tests run in child processes, which import them by name."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection


def add(connection: Connection, *numbers: int) -> int:
    """Sends the sum of the numbers; ends with it as exit code."""
    connection.send(sum(numbers))
    return sum(numbers)


def sleep(connection: Connection) -> None:
    """Starts a process of its own, sends its number, and sleeps."""
    connection.send(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid)
    time.sleep(600)


def sleep_deaf(connection: Connection) -> None:
    """Sleeps through any request to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection.send("deaf")
    time.sleep(600)


def talk_nonsense(connection: Connection, settings: object) -> None:
    """In place of a worker's whole life: sends what cannot be read."""
    connection.send_bytes(b"this is no pickle")
    time.sleep(600)


def import_nothing() -> None:
    """In place of the imports of a template."""


def cannot_import() -> None:
    """In place of the imports of a template, on a machine that lacks a library."""
    importlib.import_module("torchless")


def say(connection: Connection, text: str) -> None:
    """Prints, and sends what kind of process it is."""
    print(text)
    parent = multiprocessing.parent_process()
    connection.send(
        {
            "pid": os.getpid(),
            "group": os.getpgid(0),
            "session": os.getsid(0),
            "mark": os.environ.get("BENCH_MARK"),
            "parent": parent and parent.pid,
        }
    )


def fail(connection: Connection) -> None:
    """Raises what a connection may raise, while the connection is well."""
    raise ConnectionError("the disk is gone")
