"""The services of docker/compose.yaml as commands of this machine: the same words, with its own addresses and folders."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import yaml

DOCKER = Path(__file__).parents[1] / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
START_SECONDS = 120.0


class HostNames:
    """Replaces the names, ports and folders of the containers by those of this machine."""

    def __init__(self, words: Mapping[str, str], texts: Mapping[str, str]) -> None:
        """`words` are replaced whole, `texts` wherever they stand."""
        self._words = words
        self._texts = texts

    def native(self, text: str) -> str:
        if text in self._words:
            return self._words[text]
        for theirs, ours in self._texts.items():
            text = text.replace(theirs, ours)
        return text

    def command(self, service: str) -> list[str]:
        """The container's whole command, entry point included."""
        return [
            str(DOCKER / "entrypoint.sh"),
            *(self.native(str(word)) for word in COMPOSE["services"][service]["command"]),
        ]

    def health(self, service: str) -> list[str]:
        kind, *words = COMPOSE["services"][service]["healthcheck"]["test"]
        assert kind == "CMD"
        return [self.native(str(word)) for word in words]

    def environment(self, service: str) -> dict[str, str]:
        given = COMPOSE["services"][service].get("environment", {})
        here = {name: self.native(str(value)) for name, value in given.items()}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return {**os.environ, "PATH": path, **here}


class Service:
    """A service that runs here, as its own process group."""

    def __init__(self, name: str, host_names: HostNames, log: Path) -> None:
        self.name, self.host_names = name, host_names
        self._log: IO[bytes] = log.open("ab")
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when its health check passes."""
        self.process = subprocess.Popen(
            self.host_names.command(self.name),
            env=self.host_names.environment(self.name),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self.healthy():
            assert self.process.poll() is None, f"{self.name} ended: {self.log.read_text()}"
            assert time.monotonic() < deadline, f"{self.name} is not healthy: {self.log.read_text()}"
            time.sleep(0.5)

    def healthy(self) -> bool:
        """What the container's health check says; a service without one is up when it runs."""
        if "healthcheck" not in COMPOSE["services"][self.name]:
            return True
        check = subprocess.run(  # the same words as in the container
            self.host_names.health(self.name),
            env=self.host_names.environment(self.name),
            capture_output=True,
            timeout=60,
        )
        return check.returncode == 0

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Sends the signal to the whole group, and makes sure of it."""
        if self.process is None:
            return
        for ending in (number, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, ending)
                self.process.wait(20)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self.process = None
