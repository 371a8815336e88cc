"""Child processes, none of which outlives its parent: workers, makers of augmented copies, MLflow's server.

`multiprocessing` is not used to start them: its `spawn` runs the main script of the parent again, which a script without a
main guard, a notebook and a script on standard input do not survive. A child is a fresh interpreter that runs this very
file, is told over a connection what the parent imports from, and calls one function.
"""

from __future__ import annotations

import importlib
import multiprocessing.process
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from typing import IO, Any, Protocol

CLEANUP_SECONDS = 5.0
"""Time that a child whose parent is gone has between the request to end and its being killed."""


class Process(Protocol):
    """What is asked of a process, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: int, /) -> None: ...


class ChildProcess:
    """A running child process and the connection to it.

    The child leads a session and process group of its own: Ctrl-C in a terminal reaches the parent alone, and what the
    child starts ends with it. Closing the connection, which the system does when the parent dies, ends the child.
    """

    def __init__(
        self,
        function: str,
        *arguments: object,
        environment: Mapping[str, str] | None = None,
        output: IO[bytes] | None = None,
    ) -> None:
        """Starts a process that calls `function(connection, *arguments)`.

        Args:
            function: Where the function is, as `module:name`. What it returns is the exit code of the process.
            arguments: What it is given, which has to be picklable.
            environment: All environment variables of the process; None for those of this process.
            output: File that takes what the process prints; None for where this process prints.

        Raises:
            OSError: If the system starts no more processes.
        """
        self.connection, theirs = Pipe()
        with theirs:
            try:
                self._process: Process = subprocess.Popen(
                    # -P: the folder of this file, which the interpreter would else import from, is that of a package.
                    # PYTHONSAFEPATH says the same to Python processes that the child starts, as MLflow does its server:
                    # modules of the folder where the user works, a random.py, say, are none of theirs.
                    [sys.executable, "-P", __file__, str(theirs.fileno()), function],
                    env={**(os.environ if environment is None else environment), "PYTHONSAFEPATH": "1"},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT if output is not None else None,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            except BaseException:
                self.connection.close()
                raise
        self._send(arguments)

    def _send(self, arguments: tuple[object, ...]) -> None:
        with suppress(OSError):  # It has died already, which the parent learns when it reads from the connection.
            self.connection.send(list(sys.path))  # Alone and first: the arguments are unpickled with its help.
            self.connection.send(arguments)

    @property
    def pid(self) -> int:
        """The number of the process, and of its group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, or the negative number of the signal that ended the process; None while it runs."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        """Sends a signal to the process alone, if it still runs."""
        self._process.send_signal(number)

    def wait(self, seconds: float | None = None) -> int | None:
        """Returns the exit code as soon as the process has ended; None if it has not after `seconds`."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def end(self, *, grace: float = 0.0) -> None:
        """Ends the process and all that it started: asks first, kills after `grace` seconds, and waits for its end."""
        if self.connection.closed:  # It was ended before, and the number of the group may be another's by now.
            return
        if grace > 0:
            self._signal_group(signal.SIGTERM)
            self.wait(grace)
        self._signal_group(signal.SIGKILL)
        self.wait()
        self.connection.close()

    def _signal_group(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def run_command(connection: Connection, command: Sequence[str]) -> int:
    """The function of a child process whose work is a command of its own. Returns the exit code of the command."""
    # The command makes of a signal to the whole group what it will, and this process follows it.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    return subprocess.Popen(command, stdin=subprocess.DEVNULL).wait()


def named(function: str) -> Callable[..., Any]:
    """Returns the function that `module:name` names."""
    module, _, name = function.partition(":")
    it: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return it


def live(descriptor: int, function: str, parent: int) -> int | None:
    """The whole life of a child process. Returns its exit code.

    Args:
        descriptor: Its end of the connection.
        function: The function that it calls, as `module:name`.
        parent: The number of the process that has the other end.
    """
    os.set_inheritable(descriptor, False)
    threading.Thread(target=_end_with_the_parent, args=(descriptor,), daemon=True).start()
    connection = Connection(descriptor)
    _name_the_parent(descriptor, parent)
    try:
        sys.path[:] = connection.recv()
        arguments = connection.recv()
        exit_code: int | None = named(function)(connection, *arguments)
    except (EOFError, ConnectionError):
        if not _is_alone(descriptor, 0):
            raise
        return 1  # No traceback, perhaps across a terminal: the parent has gone, and this process is being ended.
    return exit_code


def _name_the_parent(descriptor: int, parent: int) -> None:
    """Lets code that asks `multiprocessing.parent_process()` know that this is a child, as in processes of that library."""
    alive = os.pidfd_open(parent) if hasattr(os, "pidfd_open") else descriptor
    library: Any = multiprocessing.process
    library._parent_process = library._ParentProcess("MainProcess", parent, alive)


def _is_alone(descriptor: int, milliseconds: int | None) -> bool:
    """Whether nobody has the other end of the connection, after waiting for that for some time; None for any time."""
    other_end = select.poll()
    other_end.register(descriptor, 0)  # Hanging up is told in any case; what arrives is for the reader.
    return bool(other_end.poll(milliseconds))


def _end_with_the_parent(descriptor: int) -> None:
    """Waits until nobody has the other end of the connection, and then ends the whole group."""
    _is_alone(descriptor, None)
    os.killpg(0, signal.SIGTERM)
    time.sleep(CLEANUP_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(live(int(sys.argv[1]), sys.argv[2], os.getppid()))
