"""Child processes that start at once: copies of a process, the template, which has imported what they need.

torch, its compiler and scikit-learn take seconds of processor time to import. A template does it once and forks for every
child, so that workers but for the first start in milliseconds, as do those that take the place of dead ones and those of
the caller's next study, and they share the memory of what was imported. Nothing but imports runs in a template, since
threads and an open GPU do not survive a fork: a process that is to use a GPU is a `bench.child_process.ChildProcess`.
"""

from __future__ import annotations

import gc
import os
import socket
import struct
import subprocess
import threading
import warnings
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe, wait
from typing import IO

from bench.child_process import ChildProcess, live, named

TEMPLATES_WORK = hasattr(os, "pidfd_open")
"""Whether the system lets a process be copied that has imported much, and tells of the end of the copies: Linux does."""
IDLE_SECONDS = 60.0
"""A template ends when it has had no child for so long."""
OWN_VARIABLES = ("BENCH_", "PYTEST_CURRENT_TEST")
"""Beginnings of variables that nothing reads while it is imported: one template serves environments that differ in them."""
_NEWS = struct.Struct("ii")
"""What is told of a copy: by itself its number, once it leads a group of its own; by the template its exit code."""
_PID, _CODE = 0, 1

_templates: dict[object, ChildProcess] = {}
_lock = threading.Lock()


class CopiedProcess(ChildProcess):
    """A child process that is a copy of a template, whose own child it is. Ends with the process that asked for it."""

    def __init__(
        self, function: str, *arguments: object, imports: str, environment: Mapping[str, str], output: IO[bytes]
    ) -> None:
        """Has the template make a copy of itself; starts the template first if there is none.

        Args:
            function: Where the function is that the process calls, as in `ChildProcess`.
            arguments: What it is given, which has to be picklable.
            imports: Where the function is that the template calls once, without arguments, to import what its copies need.
            environment: All environment variables of the process.
            output: File that takes what the process prints, and what the template prints that is started for it.

        Raises:
            OSError: If the system starts no more processes.
        """
        self.connection, theirs = Pipe()
        status, told = os.pipe()
        with theirs, os.fdopen(told, "wb"):
            try:
                template = _ask(
                    (os.getpid(), function, dict(environment)),
                    [theirs.fileno(), told, output.fileno()],
                    imports=imports,
                    environment=environment,
                    output=output,
                )
            except BaseException:
                self.connection.close()
                os.close(status)
                raise
        self._process = _Copy(template, status)
        self._send(arguments)


class _Copy:
    """What `subprocess.Popen` offers of a process, for one that is the child of a template."""

    def __init__(self, template: ChildProcess, status: int) -> None:
        self._template = template
        self._status = os.fdopen(status, "rb", buffering=0)
        self._pid: int | None = None
        self._code: int | None = None

    @property
    def pid(self) -> int:
        """The number of the process, as soon as it has one."""
        while self._pid is None:
            if not self._read():
                raise ProcessLookupError("the process ended before it was one of its own")
        return self._pid

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        while self._code is None:
            if not wait([self._status.fileno()], timeout):
                raise subprocess.TimeoutExpired("a copied process", timeout or 0)
            if not self._read():
                # A template that was killed says nothing any more of its children; what ended it stands for what ended them.
                self._code = self._template.wait() or 1
        return self._code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _read(self) -> bool:
        """Takes the next news. Returns whether there was any: nobody is left to tell of the process otherwise."""
        news = self._status.read(_NEWS.size)
        if len(news) < _NEWS.size or self._code is not None:
            return False
        kind, number = _NEWS.unpack(news)
        if kind == _PID:
            self._pid = number
        else:
            self._code = number
        return True


def _ask(
    request: object, handles: list[int], *, imports: str, environment: Mapping[str, str], output: IO[bytes]
) -> ChildProcess:
    """Sends a request to the template of this process for such an environment. Returns the template."""
    read_by_libraries = frozenset(item for item in environment.items() if not item[0].startswith(OWN_VARIABLES))
    key = (os.getpid(), imports, read_by_libraries)
    with _lock:
        template = _templates.get(key)
        if (
            template is None or template.connection.poll() or template.exit_code is not None
        ):  # it says nothing but its end
            template = ChildProcess("bench.child_template:copy_itself", imports, environment=environment, output=output)
            _templates[key] = template
        with socket.socket(fileno=os.dup(template.connection.fileno())) as channel, suppress(ConnectionError):
            # One that ends just now tells of it by the end of the copy's connections, as one that dies while it imports.
            socket.send_fds(channel, [b"+"], handles)
            template.connection.send(request)
        return template


def copy_itself(connection: Connection, imports: str) -> int:
    """The life of a template, which is the function of a child process, and at its end that of every copy."""
    gc.disable()  # What is imported stays: looking for garbage in it takes a third of the time,
    named(imports)()
    gc.freeze()  # and would later give each copy its own copy of the memory.
    children: dict[int, tuple[int, int]] = {}
    while ready := wait([connection, *children], None if children else IDLE_SECONDS):
        for ended in ready:
            if isinstance(ended, int):
                pid, status = children.pop(ended)
                _tell(status, _CODE, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                os.close(status)
                os.close(ended)
        if connection in ready:
            with socket.socket(fileno=os.dup(connection.fileno())) as channel:
                handles = socket.recv_fds(channel, 1, 3)[1]
            parent, function, environment = connection.recv()
            theirs, status, output = handles
            if not (pid := _fork()):
                connection.close()
                for descriptor in (*children, *(told for _, told in children.values())):
                    os.close(descriptor)
                _settle(output, environment)
                # Only now: whoever ends the process ends its group, which has to be there.
                _tell(status, _PID, os.getpid())
                os.close(status)
                return _live(theirs, function, parent)
            os.close(theirs)
            os.close(output)
            children[os.pidfd_open(pid)] = (pid, status)
    return 0


def _fork() -> int:
    with warnings.catch_warnings():
        # Python warns of other threads, which may have held a lock. The only one waits for the end of the connection.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _settle(output: int, environment: Mapping[str, str]) -> None:
    """Makes a copy a process of its own: leader of a session, with its own output and environment."""
    os.setsid()
    for standard in (1, 2):
        os.dup2(output, standard)
    os.close(output)
    os.environ.clear()
    os.environ.update(environment)


def _live(descriptor: int, function: str, parent: int) -> int:
    try:
        return live(descriptor, function, parent) or 0
    except (EOFError, ConnectionError) as error:  # Which the template's own life would take for the end of its parent.
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


def _tell(status: int, kind: int, number: int) -> None:
    with suppress(BrokenPipeError):  # Nobody wants to know.
        os.write(status, _NEWS.pack(kind, number))
