"""What passes between the study and a job: files in a folder that both see, each written whole, read once, in order."""

from __future__ import annotations

import os
import pickle
import time
from pathlib import Path
from typing import Any


class Mailbox:
    """One direction of a conversation: one side sends, the other receives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sent = 0
        folder.mkdir(parents=True, exist_ok=True)

    def send(self, message: Any) -> None:
        """Adds a message."""
        number, self._sent = self._sent, self._sent + 1
        temporary = self._folder / f"{number:08}.part"
        temporary.write_bytes(pickle.dumps(message))
        temporary.rename(temporary.with_suffix(".pkl"))

    def received(self) -> list[Any]:
        """All messages that have come since the last call, in the order in which they were sent."""
        messages = []
        for path in sorted(self._folder.glob("*.pkl")):
            messages.append(pickle.loads(path.read_bytes()))  # written by the study or by its own job
            path.unlink()
        return messages


class Heartbeat:
    """Tells a job whether its study goes on: a file that the study touches."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._touched = 0.0

    def beat(self, every: float = 5.0) -> None:
        """Touches the file, at most once in so many seconds."""
        if time.monotonic() > self._touched + every:
            self._path.touch()
            self._touched = time.monotonic()

    def stopped(self, after: float) -> bool:
        """Whether it has not been touched for so many seconds, by the clock of the file system's own machine."""
        probe = self._path.with_name(f"clock-{os.getpid()}")
        probe.touch()
        try:
            return probe.stat().st_mtime > self._path.stat().st_mtime + after
        except OSError:  # the folder is gone, and the study with it
            return True
        finally:
            probe.unlink(missing_ok=True)
