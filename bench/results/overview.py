"""What a results folder holds, study by study, from few and small files: their names say how far it is.

Records are read as plain JSON here, of finals alone where there are any, so that hundreds of studies are listed in a second.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from bench.locks import Locked, NoLocks, lock

State = Literal["running", "finished", "unfinished", "unreadable"]
PAGES = "leaderboard"
"""Folder of a study for its data set's leaderboard, the figure of the search and the comparison of features, which are
written when its finals have ended."""


@dataclass(frozen=True)
class StudyOverview:
    """A study, how far it is, and what it came to."""

    folder: Path
    state: State
    created: str = ""
    """Start of the study in UTC, ISO 8601."""
    dataset: str = ""
    trials: int = 0
    """Number of trials that have ended."""
    wanted: int = 0
    """Number of trials that were asked for."""
    finals: int = 0
    """Number of finals that have ended."""
    objective: str = ""
    validation: float | None = None
    """The best validation score: of the finals, mean over seeds, or of the trials while there are no finals."""
    test: float | None = None
    """The test score of the same configuration."""


def overviews(results: Path) -> list[StudyOverview]:
    """Returns all studies of a results folder, the oldest first."""
    every = [_overview(path.parent) for path in results.glob("*/study.json")]
    return sorted(every, key=lambda study: (study.created, study.folder.name))


def _overview(folder: Path) -> StudyOverview:
    record = _json(folder / "study.json")
    ended = list(folder.glob("*/run.json"))
    trials = [path for path in ended if path.parent.name.startswith("trial-")]
    finals = [path for path in ended if path.parent.name.startswith("final-")]
    try:
        options, data = record["options"], record["data"]
        wanted = options["trials"] * (len(data["folds"]) if options["nested"] else 1)
        objective = record["objective"]
        complete = (folder / PAGES).is_dir() or not options["finalists"]
        finished = len(trials) >= wanted and complete
        validation, test = _best([_json(path) for path in finals or trials], objective)
        return StudyOverview(
            folder=folder,
            state="running" if _is_running(folder) else "finished" if finished else "unfinished",
            created=record["created"],
            dataset=data.get("named") or data["dataset"]["name"],
            trials=len(trials),
            wanted=wanted,
            finals=len(finals),
            objective=objective,
            validation=validation,
            test=test,
        )
    except (KeyError, TypeError):
        return StudyOverview(folder, "unreadable", trials=len(trials), finals=len(finals))


def _best(runs: Sequence[Mapping[str, Any]], objective: str) -> tuple[float | None, float | None]:
    """The best configuration's validation and test score, means over its seeds and outer folds."""
    by_number: dict[Any, list[tuple[float, float | None]]] = defaultdict(list)
    for run in runs:
        validation, test = run["result"]["validation"], run["result"]["test"]
        if run["result"]["status"] == "complete" and validation is not None:
            by_number[run["number"]].append((validation[objective], None if test is None else test[objective]))
    if not by_number:
        return None, None
    best = max(by_number.values(), key=lambda scores: fmean(score for score, _ in scores))
    tested = [test for _, test in best if test is not None]
    return fmean(score for score, _ in best), fmean(tested) if tested else None


def _is_running(folder: Path) -> bool:
    path = folder / ".lock"
    if path.exists():
        try:
            with suppress(NoLocks, OSError), lock(path, shared=True):
                return False
        except Locked:
            return True
    return False


def _json(path: Path) -> Any:
    """What a file holds; nothing if it cannot be read."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
