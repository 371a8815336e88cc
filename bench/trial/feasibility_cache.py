"""Remembers in a small file which shapes models take: the plan of a study asks for dozens of pairs, always the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.errors import BenchError
from bench.files import write_atomically
from bench.plugins import Infeasible, Model
from bench.plugins.code import code_digest
from bench.plugins.discovery import Package
from bench.version import VERSION

OUTCOMES_FILE = "feasibility.json"
MOST_ENTRIES = 4000
"""Entries that the file holds at most; the oldest make room."""


class _Remembered(BaseModel):
    """The outcome for one model and shape: its parameters, or the reason why it is infeasible."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    parameters: int | None = None
    refusal: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    schema_version: int = 1
    outcomes: dict[str, _Remembered] = {}


class FeasibilityCache:
    """Outcomes by model, options, shape, code and versions. A file that is damaged or cannot be written costs time alone."""

    def __init__(self, folder: Path) -> None:
        """Reads the file in `folder`, if there is one."""
        self._path = folder / OUTCOMES_FILE
        self._outcomes = _read(self._path)
        self._new: dict[str, _Remembered] = {}

    def key(self, model: Model, package: Package | None, shape: Sequence[int], classes: int) -> str | None:
        """32 hex digits over all that an outcome depends on; None if the code of the model is not known."""
        code = package and code_digest(type(model), package.distribution, also=(Path(__file__).parent,))
        if code is None:
            return None
        content = [model.config().model_dump(mode="json"), list(shape), classes, code, VERSION]
        digest = hashlib.sha256(json.dumps([*content, version("torch")], sort_keys=True).encode())
        return digest.hexdigest()[:32]

    def recalled(self, key: str, find_out: Callable[[], int | None]) -> int | None:
        """The outcome that is remembered under `key`, or that of `find_out`, which is remembered unless it is None.

        Raises:
            Infeasible: If that is what the outcome was, or is.
        """
        known = self._outcomes.get(key)
        if known is not None and known.refusal:
            raise Infeasible(known.refusal)
        if known is not None:
            return known.parameters
        try:
            parameters = find_out()
        except Infeasible as error:
            self._new[key] = _Remembered(refusal=str(error))
            raise
        if parameters is not None:
            self._new[key] = _Remembered(parameters=parameters)
        return parameters

    def save(self) -> None:
        """Writes what is new, beside what other processes have written meanwhile."""
        if not self._new:
            return
        outcomes = {**_read(self._path), **self._new}
        latest = dict(list(outcomes.items())[-MOST_ENTRIES:])
        with suppress(BenchError):  # no space, or a folder that is read-only
            write_atomically(self._path, _File(outcomes=latest).model_dump_json(indent=1, exclude_defaults=True) + "\n")


def _read(path: Path) -> dict[str, _Remembered]:
    try:
        return _File.model_validate_json(path.read_bytes()).outcomes
    except (OSError, ValidationError):
        return {}
