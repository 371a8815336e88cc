"""Finds where several networks of one configuration fail: by class, by group, and the clips that all of them get wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from bench.evaluation.predictions import Predictions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Part(BaseModel):
    """The clips of one class or of one group, and how many of them are right."""

    model_config = ConfigDict(frozen=True)
    name: str
    clips: int
    accuracy: float
    """Share of the clips that are right, mean over seeds."""


class MissedClip(BaseModel):
    """A clip that every network got wrong."""

    model_config = ConfigDict(frozen=True)
    id: str
    label: str
    """The true class."""
    predicted: tuple[str, ...]
    """What it was taken for by each seed, in their order."""


class ErrorAnalysis(BaseModel):
    """Where the networks of one configuration, one a seed, fail."""

    model_config = ConfigDict(frozen=True)
    seeds: int
    classes: tuple[Part, ...]
    """The classes that have clips, the worst first."""
    groups: tuple[Part, ...]
    """The speakers or other groups, the worst first; empty if a clip's group is unknown or there is only one."""
    missed: tuple[MissedClip, ...]
    """The clips that every seed got wrong, by class."""


def analyse_errors(results: Sequence[Predictions]) -> ErrorAnalysis:
    """Analyses the predictions of at least one network; clips are matched by their ids, in any order."""
    import numpy as np

    labels = np.array(results[0].labels, dtype=np.str_)
    ids = np.concatenate([np.array(result.ids, dtype=np.str_) for result in results])
    groups = np.concatenate([np.array(result.groups, dtype=np.str_) for result in results])
    targets = np.concatenate([result.targets for result in results])
    predicted = np.concatenate([result.predicted for result in results])
    right = predicted == targets
    distinct, first, clip = np.unique(ids, return_index=True, return_inverse=True)
    missed = np.flatnonzero(np.bincount(clip, weights=right) == 0)
    in_order = missed[np.lexsort((distinct[missed], targets[first[missed]]))]
    return ErrorAnalysis(
        seeds=len(results),
        classes=_parts(labels[targets], clip, right),
        groups=_parts(groups, clip, right) if all(groups) and len(set(groups.tolist())) > 1 else (),
        missed=tuple(
            MissedClip(
                id=str(distinct[index]),
                label=str(labels[targets[first[index]]]),
                predicted=tuple(labels[predicted[clip == index]].tolist()),
            )
            for index in in_order
        ),
    )


def _parts(names: NDArray[np.str_], clip: NDArray[np.int64], right: NDArray[np.bool_]) -> tuple[Part, ...]:
    """Splits all predictions by name, the worst part first and of equal ones the largest."""
    import numpy as np

    distinct, part = np.unique(names, return_inverse=True)
    accuracies = np.bincount(part, weights=right) / np.bincount(part)
    parts = [
        Part(name=str(name), clips=len(np.unique(clip[part == index])), accuracy=float(accuracies[index]))
        for index, name in enumerate(distinct)
    ]
    return tuple(sorted(parts, key=lambda one: (one.accuracy, -one.clips, one.name)))
