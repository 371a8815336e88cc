"""A data set after decoding: metadata and paths, small enough to send to any worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from bench.plugins import PluginConfig, Split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class PreparedData(BaseModel):
    """A decoded data set. Holds no arrays and is JSON, so that it travels to workers and into results."""

    model_config = ConfigDict(frozen=True)
    dataset: PluginConfig
    revision: str
    """16 hex digits over the audio, label, split and group of every clip: two equal revisions are the same data."""
    labels: tuple[str, ...]
    seconds: float
    """Length that every clip is padded or cut to."""
    supports: dict[Split, tuple[int, ...]]
    """Number of clips of every class, in the order of `labels`, by split."""
    grouped: dict[Split, bool]
    """Whether every clip of a split has a known group (speaker, recording)."""
    group_noun: str = "groups"
    """What the groups are, in the plural: speakers, recordings."""
    known_groups: bool = False
    """Whether groups of test clips have clips in training or validation, too: new groups are not measured then."""
    caches: dict[int, Path]
    """Folder of the decoded clips, by sample rate in Hz."""
    splits: tuple[Split, ...] = ("train", "validation", "test")
    """The splits that may be read through this object."""
    notes: tuple[str, ...] = ()
    """Human-readable notes: files that are missing or were skipped, groups that are in two splits."""

    def without_test(self) -> PreparedData:
        """Returns the same data with the test split out of reach, as search trials get it."""
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
    """Speaker or recording of every clip, empty if unknown."""
    targets: NDArray[np.int64]
    """Class index of every clip, [clips]."""
    samples: NDArray[np.int16]
    """[clips, samples], padded with zeros at the end or cut to the data set's clip length."""
    lengths: NDArray[np.int64]
    """Samples of every clip before padding, [clips]."""
    file: Path
    """File that `samples` are mapped from."""
