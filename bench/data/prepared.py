"""A data set after decoding: metadata and paths, small enough to send to any worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from bench.errors import BenchError, did_you_mean
from bench.plugins import Cut, PluginConfig, Split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Division(BaseModel):
    """How clips that stand in one file are divided. Every process that has the clips draws the same."""

    model_config = ConfigDict(frozen=True)
    protocol: str
    """See `RunOptions.protocol`."""
    cut: Cut
    """Shares of what is cut, and the seed of whatever is drawn."""


class FoldData(BaseModel):
    """What is known of an outer fold."""

    model_config = ConfigDict(frozen=True)
    name: str
    """Name of the fold, as that of the speaker who is tested; empty if there is only one."""
    seconds: float
    """Length that every clip is padded or cut to: the data set's own, or what suits the clips that are not tested."""
    supports: dict[Split, tuple[int, ...]]
    """Number of clips of every class, in the order of `labels`, by split."""
    grouped: dict[Split, bool]
    """Whether every clip of a split has a known group (speaker, recording)."""
    known_groups: bool = False
    """Whether groups of test clips have clips in training or validation, too: new groups are not measured then."""
    test_twins: tuple[str, ...] = ()
    """Ids of the test clips that hold the same recording as clips of training or validation, sorted."""


class PreparedData(BaseModel):
    """A decoded data set. Holds no arrays and is JSON, so that it travels to workers and into results."""

    model_config = ConfigDict(frozen=True)
    dataset: PluginConfig
    named: str = ""
    """What people read of the data set where that is more than its name: `folder:recordings`."""
    revision: str
    """16 hex digits over the audio, label, split and group of every clip: two equal revisions are the same data."""
    labels: tuple[str, ...]
    folds: tuple[FoldData, ...]
    """The outer folds of the protocol; one without a name if there is only one division."""
    fold: int = 0
    """Position of the outer fold that is read through this object."""
    protocol: str = "official"
    """See `RunOptions.protocol`."""
    division: Division | None = None
    """How the clips are divided; None for those of a data set whose official split is used as it is."""
    group_noun: str = "groups"
    """What the groups are, in the plural: speakers, recordings."""
    caches: dict[int, Path]
    """Folder of the decoded clips, by sample rate in Hz."""
    splits: tuple[Split, ...] = ("train", "validation", "test")
    """The splits that may be read through this object."""
    notes: tuple[str, ...] = ()
    """Human-readable notes: files that are missing or were skipped, groups that are in two splits."""

    @property
    def title(self) -> str:
        """What people read of the data set: `fsdd`, `folder:recordings`."""
        return self.named or self.dataset.name

    @property
    def seconds(self) -> float:
        """Length that every clip of the fold is padded or cut to."""
        return self.folds[self.fold].seconds

    @property
    def supports(self) -> dict[Split, tuple[int, ...]]:
        """Number of clips of every class of the fold, in the order of `labels`, by split."""
        return self.folds[self.fold].supports

    @property
    def grouped(self) -> dict[Split, bool]:
        """Whether every clip of a split of the fold has a known group."""
        return self.folds[self.fold].grouped

    @property
    def known_groups(self) -> bool:
        """Whether any outer fold tests groups that it also trains on."""
        return any(fold.known_groups for fold in self.folds)

    @property
    def fold_name(self) -> str:
        """Name of the outer fold; empty if there is only one."""
        return self.folds[self.fold].name

    def of_fold(self, name: str) -> PreparedData:
        """Returns the same data divided as the outer fold of this name.

        Raises:
            BenchError: If there is no such fold.
        """
        names = [fold.name for fold in self.folds]
        if name not in names:
            raise BenchError(f"{self.dataset.name} has no outer fold {name!r}: {did_you_mean(name, names)}")
        return self.model_copy(update={"fold": names.index(name)})

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
    lengths: NDArray[np.int64]
    """Samples of every clip before padding, [clips]."""
    mapped: NDArray[np.int16]
    """Waveforms of the file that the clips are in, [clips of the file, samples], padded with zeros at the end or cut to the
    clip length."""
    file: Path
    """File that `mapped` is mapped from."""
    rows: NDArray[np.int64] | None = None
    """Position of every clip in `mapped`, [clips]; None if they are all of it, in order."""

    @property
    def samples(self) -> NDArray[np.int16]:
        """Waveforms of the clips, [clips, samples]: a view of the file, or a copy if the file holds others, too."""
        return self.mapped if self.rows is None else self.mapped[self.rows]

    def waveform(self, clip: int) -> NDArray[np.int16]:
        """Samples of a clip, [samples]."""
        samples: NDArray[np.int16] = self.mapped[clip if self.rows is None else self.rows[clip]]
        return samples
