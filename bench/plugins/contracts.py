"""The four nouns: Dataset, Feature, Model, Recipe. A plugin is a frozen pydantic model; its fields are its hyperparameters.

A field's type, default, docstring and `Annotated` search range are the whole declaration: validation, search
space, documentation, JSON and hash are derived from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.plugins.annotations import Choice, Scalar
from bench.plugins.training_settings import TrainingSettings

if TYPE_CHECKING:
    from torch import nn

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

ProgressCallback = Callable[[int, int], None]
"""Called with (done, total) while something long is being made."""


class Infeasible(Exception):
    """Raised by a model that cannot take a feature's shape; the pair is recorded as infeasible and the search goes on."""


class PluginConfig(BaseModel):
    """A plugin by name with the values of its fields: what specs, results and pages hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    options: dict[str, Any] = {}


class Plugin(BaseModel, ABC):
    """What the kinds have in common: a name, frozen fields, and the configuration they add up to."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    name: ClassVar[str]

    def config(self) -> PluginConfig:
        """This plugin's name and every field, defaults included."""
        return PluginConfig(name=self.name, options=self.model_dump(mode="json"))


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled stretch of audio, on its way from a data set to a split.

    `path` is relative to the data set's folder, with forward slashes. `start` and `end` are seconds into the file (None: to
    its end). Clips of one `group` (a speaker, a recording) never stand in two splits unless the data set's official split
    does so. `silent` says that silence is what the clip should hold.
    """

    path: str
    label: str
    split: Split
    group: str | None = None
    start: float = 0.0
    end: float | None = None
    silent: bool = False

    @property
    def id(self) -> str:
        """The clip's name in predictions and reports: its path, and its stretch where it is not the whole file."""
        if self.start == 0.0 and self.end is None:
            return self.path
        # Twelve digits: an hour into a recording, six would not tell stretches apart that begin 10 ms after each other.
        return f"{self.path}#{self.start:.12g}-{'' if self.end is None else f'{self.end:.12g}'}"


@dataclass(frozen=True)
class Listing:
    """What a data set found in its folder: the clips, files that its own lists name but that are not there, and
    lines that a person should read (an incomplete copy, a cut that had to be made)."""

    clips: tuple[Clip, ...]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Archive:
    """Where `bench fetch` gets a data set. `sha256` is that of the archive, None where no fixed one is published."""

    url: str
    sha256: str | None
    size: int
    """Bytes, roughly: said before the download starts."""
    strip: int = 0
    """Leading folders of the archive's paths that are dropped, so that the content lands in the official folder."""


class Dataset(Plugin):
    """Labelled clips with a split. Fields are options of the protocol (which split, which test speaker), never searched."""

    folder: ClassVar[str] = ""
    """Official name of the data set's folder below the data directory; empty where a path is an option."""
    archive: ClassVar[Archive | None] = None
    argument: ClassVar[str | None] = None
    """The field that takes what follows the colon in `NAME:ARGUMENT` on the command line."""
    noise_folder: ClassVar[str | None] = None
    """Folder of background-noise recordings inside the data set, used by the noise augmentation."""
    source: ClassVar[str] = ""
    """Paper, licence and home page, in a line."""
    training: ClassVar[Mapping[str, Scalar]] = {}
    """Training settings that suit the data set, as `segment_seconds`: a search holds them fixed unless told otherwise."""

    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """Class names, in the order of the report. Official data sets know them with no data on disk."""

    @abstractmethod
    def clips(self, root: Path) -> Listing:
        """Every clip with label and split, from names and lists alone (no audio is opened).

        Raises BenchError where the folder is not what its name says.
        """

    def seconds(self) -> float | None:
        """Clip length: shorter clips get zeros at their end, longer ones are cut; None: the longest clip's length."""
        return 1.0

    def cuts_recordings(self) -> bool:
        """Whether recordings longer than `seconds()` become consecutive clips of that length, all in one split, rather than
        being cut off there."""
        return False

    def root(self, data_dir: Path) -> Path:
        """The data set's folder, given the folder that holds all data sets."""
        return data_dir / self.folder

    def prepare(self, root: Path, progress: ProgressCallback) -> None:
        """Makes the files of a data set that is synthesised rather than downloaded, in the new folder `root`.

        Called where the data set's own root is not there yet. `root` is a temporary place that is renamed when this
        returns, so that a data set is whole or not there: nothing in the files may depend on its path.
        """


class Feature(Plugin):
    """A front end: waveforms to tensors, in batches, on the device. A clip's output never depends on its batch."""

    sample_rate: Annotated[int, Choice(8000, 16000, 22050), Field(gt=0)] = 16000
    """Samples per second of the audio that the module is given, in Hz."""

    @abstractmethod
    def build(self) -> nn.Module:
        """A module from float32 waveforms [B, samples] in -1..1 to [B, *shape(samples)], without trainable parameters."""

    @abstractmethod
    def shape(self, samples: int) -> tuple[int, ...]:
        """Output shape for one clip of that many samples: [samples], [bands, frames] or [channels, bands, frames]."""


class Model(Plugin):
    """A network: feature tensors to logits."""

    any_length: ClassVar[bool] = False
    """Whether the network takes clips of any length. The module's call is then `module(features, lengths=None)`: `lengths`,
    int64 [B], says how many of the last frames (of a waveform: samples) are the clip's own; what stands before them is
    zeros, and changes nothing of the clip's logits in evaluation mode. None: all are."""

    @abstractmethod
    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A module from [B, *shape] to logits [B, classes].

        `shape` is a feature's: [samples], [bands, frames] or [channels, bands, frames]; its last number is that of the
        longest clip, for a network that takes any length.
        Raises Infeasible where the network cannot take it.
        """


class Recipe(BaseModel):
    """A named, complete configuration: feature, model, training, the data sets it belongs to, what was published."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    summary: str
    datasets: tuple[str, ...]
    feature: PluginConfig
    model: PluginConfig
    training: TrainingSettings
    protocol: PluginConfig | None = None
    """The data set that the published figures are of, with its options; None: the first of `datasets`, with its defaults."""
    published: Mapping[str, float] = {}
    """Published figures to compare with, by name: validation_accuracy, test_accuracy, validation_segment_accuracy,
    test_segment_accuracy (0 to 1), validation_loss, test_loss (nats)."""
    published_clips: Mapping[Split | Literal["all"], int] = {}
    """Clips (or segments, where those were counted) that the published figures come from, by split."""
    source: str = ""
