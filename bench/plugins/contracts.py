"""The contracts of plugins: Dataset, Feature, Model and Recipe.

A plugin is a frozen pydantic model whose fields are its hyperparameters. A field's type, default, docstring and `Annotated`
search range are the whole declaration: validation, search space, documentation, JSON and hash are derived from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bench.plugins.annotations import Choice, Scalar
from bench.plugins.plugin_config import PluginConfig
from bench.plugins.training_settings import TrainingSettings

if TYPE_CHECKING:
    from torch import nn

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

ProgressCallback = Callable[[int, int], None]
"""A function that is called with (done, total) while something long is being made."""


class Infeasible(Exception):
    """A model cannot take a feature's shape. Raise it with one line that says what the model takes.

    The pair is left out of the search, or its trial is recorded as infeasible, and the search goes on. Other exceptions are
    faults: they fail the trial.
    """


class Plugin(BaseModel, ABC):
    """Base class of data sets, features and models: a name and frozen fields."""

    # pydantic makes what checks the fields when it is first needed: a command that is refused needs that of no plugin.
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False, defer_build=True
    )
    name: ClassVar[str]

    def config(self) -> PluginConfig:
        """The plugin's name and all its fields, with defaults."""
        return PluginConfig(name=self.name, options=self.model_dump(mode="json"))


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled stretch of audio of a data set.

    Attributes:
        path: Path relative to the data set's folder, with forward slashes.
        label: Name of its class.
        split: Split that it belongs to.
        group: Speaker or recording. Clips of one group never stand in two splits, unless the official split of the data set
            does so; None for a group of its own.
        start: First second in the file.
        end: Last second in the file; None for the end of the file.
        silent: Whether silence is what the clip should hold.
        fold: Name of its official fold, which `--protocol folds` tests in its turn; None if there are none.
    """

    path: str
    label: str
    split: Split
    group: str | None = None
    start: float = 0.0
    end: float | None = None
    silent: bool = False
    fold: str | None = None

    @property
    def id(self) -> str:
        """Name of the clip in predictions and reports: its path and, unless it is the whole file, its stretch."""
        if self.start == 0.0 and self.end is None:
            return self.path
        # Twelve digits: an hour into a recording, six would not tell stretches apart that begin 10 ms after each other.
        return f"{self.path}#{self.start:.12g}-{'' if self.end is None else f'{self.end:.12g}'}"


@dataclass(frozen=True)
class Cut:
    """How splits that have no clip yet are cut off the training clips: by class, with whole groups.

    Attributes:
        validation: Share of the training clips, 0 to 1, that becomes the validation split; 0 for none.
        test: Share of the training clips, 0 to 1, that becomes the test split; 0 for none.
        seed: Another seed draws other clips.
    """

    validation: float = 0.15
    test: float = 0.15
    seed: int = 0


@dataclass(frozen=True)
class Listing:
    """The contents of a data set's folder.

    Attributes:
        clips: All clips. Those of a data set without an official split are all `train`.
        missing: Files that the data set's own lists name but that are not there, of the classes that are taken.
        notes: Lines that the user should read, as on an incomplete copy.
        cut: How the splits that have no clip are cut; None for a data set that is complete as it is. The harness cuts
            them after decoding, so that copies of one sound stay in one split.
    """

    clips: tuple[Clip, ...]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cut: Cut | None = None


@dataclass(frozen=True)
class Archive:
    """The download of a data set, for `bench fetch`.

    Attributes:
        url: Address of the archive.
        sha256: Checksum of the archive; None if its bytes may change, as those of an archive that is packed when asked for.
        size: Size in bytes, roughly, which is said before the download starts. More than twice as much is not taken.
        strip: Number of leading folders that are dropped from the archive's paths, so that its files land in the official
            folder.
        files: Pattern of the files that `files_sha256` is of, as `recordings/*.wav`.
        files_sha256: Checksum of the unpacked files, in place of that of the archive: the SHA-256 of what `sha256sum` prints
            of them, in the order of their paths (`LC_ALL=C sha256sum recordings/*.wav | sha256sum`).
        unpacked: Size of the unpacked files in bytes, roughly, of which no more than twice as much is written; None if it is
            no more than ten times that of the archive, or a megabyte.
    """

    url: str
    sha256: str | None
    size: int
    strip: int = 0
    files: str = "**/*"
    files_sha256: str | None = None
    unpacked: int | None = None

    def limit(self) -> int:
        """Bytes that are unpacked at most."""
        return max(10 * self.size, 10**6) if self.unpacked is None else 2 * self.unpacked


class Dataset(Plugin):
    """Labelled clips with a split. Fields are options of the protocol, as the test speaker, and are never searched."""

    folder: ClassVar[str] = ""
    """Official name of the data set's folder below the data directory; empty if the path is an option."""
    archive: ClassVar[Archive | None] = None
    """Download of the data set, if there is one."""
    argument: ClassVar[str | None] = None
    """Name of the field that is given after the colon of `NAME:ARGUMENT` on the command line."""
    argument_is_path: ClassVar[bool] = False
    """Whether that field says where the files lie. It is then no part of what the data set is, and never published."""
    noise_folder: ClassVar[str | None] = None
    """Folder inside the data set of recorded background noise, which the noise augmentation uses."""
    group_noun: ClassVar[str] = "groups"
    """What the groups of its clips are, in the plural: `speakers`, `recordings`."""
    source: ClassVar[str] = ""
    """Paper, licence and home page in one line."""
    licence: ClassVar[str] = ""
    """Licence of the recordings by its SPDX identifier, as `CC-BY-4.0`; empty if it is not known. Exported networks
    carry it."""
    training: ClassVar[Mapping[str, Scalar]] = {}
    """Training settings that suit the data set. A search holds them fixed unless other values are given."""

    classes: tuple[str, ...] = ()
    """Names of the classes to take, as in `--classes cat,dog`; none for all of them. The harness leaves out the others."""

    @field_validator("classes", mode="before")
    @classmethod
    def _separated(cls, names: object) -> object:
        return [name.strip() for name in names.split(",")] if isinstance(names, str) else names

    @field_validator("classes")
    @classmethod
    def _in_one_order(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(names)))

    def takes(self, label: str) -> bool:
        """Whether clips of a class are taken."""
        return not self.classes or label in self.classes

    def config(self) -> PluginConfig:
        """The plugin's name and all its fields, with defaults; `classes` only if it names some."""
        whole = super().config()
        options = {name: value for name, value in whole.options.items() if value or name != "classes"}
        return PluginConfig(name=whole.name, options=options)

    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """Returns the class names in the order of reports. Official data sets know them without any data on disk."""

    @abstractmethod
    def clips(self, root: Path) -> Listing:
        """Lists every clip with its label and split, from the names of files and from lists alone: no audio is opened.

        Args:
            root: Folder of the data set.

        Raises:
            BenchError: If the folder is not that of this data set.
        """

    def seconds(self) -> float | None:
        """Returns the clip length in seconds: shorter clips get zeros at their end, longer ones are cut.

        Returns:
            The length; None for that of the longest clip.
        """
        return 1.0

    def cuts_recordings(self) -> bool:
        """Whether recordings longer than `seconds()` become consecutive clips of that length, all in one split.

        Otherwise they are cut off there.
        """
        return False

    def root(self, data_dir: Path) -> Path:
        """Returns the data set's folder, given the folder that holds all data sets."""
        return data_dir / self.folder

    def prepare(self, root: Path, progress: ProgressCallback) -> None:
        """Makes the files of a data set that is synthesised instead of downloaded.

        It is called if the data set's own folder does not exist. Nothing in the files may depend on their path: `root` is a
        temporary folder that is renamed afterwards, so that a data set is complete or absent.

        Args:
            root: New folder that the files are written to.
            progress: Called with the number of files that are done and the number of all.
        """


class Feature(Plugin):
    """A front end, from waveforms to tensors. The output of a clip never depends on the other clips of its batch."""

    in_default_search: ClassVar[bool] = True
    """Whether a search takes it that names no features."""
    pretrained_on: ClassVar[str] = ""
    """What its weights were trained on, if it has any: rows say so, and `--no-pretrained` leaves it out."""
    training: ClassVar[Mapping[str, Scalar]] = {}
    """Training settings that suit it: a search holds them fixed where it tries the feature, unless others are given."""

    sample_rate: Annotated[int, Choice(8000, 16000, 22050), Field(gt=0)] = 16000
    """Sample rate of the waveforms that the module is given, in Hz."""

    @abstractmethod
    def build(self) -> nn.Module:
        """Builds the module of the front end, which has no trainable parameters.

        Returns:
            A module from float32 waveforms [B, samples] in -1..1 to features [B, *shape(samples)].
        """

    @abstractmethod
    def shape(self, samples: int) -> tuple[int, ...]:
        """Computes the shape of one clip's features without running the module.

        Args:
            samples: Length of the clip in samples.

        Returns:
            (samples,), (bands, frames) or (channels, bands, frames).
        """


class Model(Plugin):
    """A network, from features to logits."""

    in_default_search: ClassVar[bool] = True
    """Whether a search takes it that names no models, and whose data set has no recipe with it: not where it needs much more
    time than others, or was only ever best on data of one kind."""

    any_length: ClassVar[bool] = False
    """Whether the network takes clips of any length.

    Its module is then called as `module(features, lengths=None)`. `lengths`, int64 [B], is the number of last frames (of a
    waveform: samples) that are the clip's own; zeros stand before them, and in evaluation mode they change nothing of the
    clip's logits. None stands for all frames.
    """

    @abstractmethod
    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Builds the network.

        Args:
            shape: Shape of a feature: (samples,), (bands, frames) or (channels, bands, frames). For a network that takes any
                length its last number is that of the longest clip.
            classes: Number of classes.

        Returns:
            A module from features [B, *shape] to logits [B, classes].

        Raises:
            Infeasible: If the network cannot take the shape.
        """


class Recipe(BaseModel):
    """A named, complete configuration.

    Attributes:
        name: Name of the recipe.
        summary: One line that says what it is.
        datasets: Names of the data sets that it belongs to.
        feature: The feature with its options.
        model: The model with its options.
        training: Training settings.
        protocol: The data set that the published figures are of, with its options; None for the first of `datasets` with
            its defaults.
        published: Published figures to compare with, by name: validation_accuracy, test_accuracy,
            validation_segment_accuracy, test_segment_accuracy (0 to 1), validation_loss, test_loss (nats).
        published_clips: Number of clips (or of segments, if those were counted) behind the published figures, by split.
        source: Where the recipe was published.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    summary: str
    datasets: tuple[str, ...]
    feature: PluginConfig
    model: PluginConfig
    training: TrainingSettings
    protocol: PluginConfig | None = None
    published: Mapping[str, float] = {}
    published_clips: Mapping[Split | Literal["all"], int] = {}
    source: str = ""
