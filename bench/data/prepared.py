"""What a data set has become once it is decoded: facts and paths, small enough to send to any worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from bench.plugins import PluginConfig, Split


class PreparedData(BaseModel):
    """A decoded data set. Holds no arrays and is JSON, so that it travels to workers and into results."""

    model_config = ConfigDict(frozen=True)
    dataset: PluginConfig
    revision: str
    """16 hex digits over the content, label, split and group of every clip: two equal revisions are the same data."""
    labels: tuple[str, ...]
    seconds: float
    """Length that every clip is padded or cut to."""
    supports: dict[Split, tuple[int, ...]]
    """Clips of every class, in the order of `labels`, by split."""
    grouped: dict[Split, bool]
    """Whether every clip of a split has a known group (speaker, recording)."""
    caches: dict[int, Path]
    """By sample rate in Hz, the folder of decoded clips."""
    splits: tuple[Split, ...] = ("train", "validation", "test")
    """The splits that the holder may read."""
    notes: tuple[str, ...] = ()
    """Lines for a person: an incomplete copy, files that were skipped, groups in two splits."""

    def without_test(self) -> PreparedData:
        """The same data with the test split out of reach: what search trials are given."""
        return self.model_copy(update={"splits": ("train", "validation")})

    def clips(self, split: Split) -> int:
        """Number of clips of a split."""
        return sum(self.supports[split])


@dataclass(frozen=True)
class ClipSet:
    """The decoded clips of one split at one sample rate."""

    sample_rate: int
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    """Speaker or recording of every clip, empty where unknown."""
    targets: NDArray[np.int64]
    """Class of every clip, [clips]."""
    samples: NDArray[np.int16]
    """[clips, samples], padded with zeros at the end or cut to the data set's clip length."""
    lengths: NDArray[np.int64]
    """Samples of every clip before padding, [clips]."""
    file: Path
    """That `samples` are mapped from."""
