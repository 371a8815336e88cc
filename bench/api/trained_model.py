"""A trained network that can be called: with files of any rate, channels and length, or with waveforms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from bench.api.calling import keywords_in_errors
from bench.api.classify import Classified, Cutting, Stretch, TableLayout, Unreadable, classified, cut, stretches_of
from bench.api.plugins import with_classes
from bench.data.audio_file import Recording
from bench.data.audio_paths import audio_paths
from bench.errors import BenchError, one_line
from bench.options import checked_options, flag
from bench.plugins.contracts import Plugin
from bench.plugins.registry import Registry
from bench.results.load_network import LoadedNetwork, load_network
from bench.results.stored_model import StoredModel, find_stored_model
from bench.search.callback import StudyCallback

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from bench.export.write import ExportedFile

MOST_CHANNELS = 32
"""Channels of a waveform beyond which its first axis is taken for samples, and the waveform is refused."""
LOUDEST = 32.0
"""Largest value of a waveform that is taken for one in -1..1, some 30 dB beyond its full scale."""


class TrainedModel:
    """A network with its front end, as a final or a reproduction has trained it. It runs on the CPU.

    A recording goes through what a clip goes through in the harness: it is mixed to mono, resampled, and padded with
    zeros at its end to the clip length. One of 1.5 clip lengths or more is cut into windows of the clip length, whose
    probabilities are averaged; a shorter one gives the very probabilities that the run has on record for such a clip.
    """

    def __init__(self, loaded: LoadedNetwork, stored: StoredModel, registry: Registry) -> None:
        record = stored.record
        self._loaded = loaded
        self._stored = stored
        self._registry = registry
        self.labels = record.labels
        """Class names, in the order of the network's outputs."""
        self.sample_rate = record.sample_rate
        """Samples per second, in Hz, of what the front end is given."""
        self.seconds = record.seconds
        """Clip length, in seconds, that the network was trained on."""
        self.notes = stored.differences(registry)
        """Plugins that have another version or other code here than where the network was trained, one line each."""

    @property
    def front_end(self) -> nn.Module:
        """The module from float32 waveforms [B, samples] in -1..1 at `sample_rate` to features [B, ...]."""
        return self._loaded.front_end.module

    @property
    def network(self) -> nn.Module:
        """The module from features [B, ...] to logits [B, classes], in evaluation mode."""
        return self._loaded.network

    @keywords_in_errors()
    def predict(
        self,
        files: str | PathLike[str] | Iterable[str | PathLike[str]],
        *,
        window: float | None = None,
        hop: float | None = None,
        top: int | None = None,
        threshold: float = 0.0,
        on_unreadable: Unreadable | None = None,
    ) -> pd.DataFrame:
        """Classifies audio files of any format that the harness reads, any sample rate, number of channels and length.

        Args:
            files: One file or several; a folder stands for the recordings below it, and `*` for part of a name.
            window: Seconds of the stretches that get a row each, with their `start` and `end` in seconds; None for one row
                a file. With `hop` alone it is the clip length.
            hop: Seconds from stretch to stretch; None for the window's length.
            top: How many classes get a row each, the most probable first, with their `rank`; None for one row with the
                probabilities of all classes.
            threshold: Probability, 0 to 1, below which a class is not named.
            on_unreadable: Called with the path of a file that cannot be read and with the reason, in place of an error.

        Returns:
            In the order given: `file`, `label` (the most probable class), `probability` (of that class, 0 to 1), and one
            column a class with its probability.

        Raises:
            BenchError: If a file cannot be read, or it is no path.

        Example:
            >>> model.predict(["a.wav", "b.flac"])
            >>> model.predict("long.mp3", window=2, hop=0.5, threshold=0.6)
        """
        import pandas as pd

        layout = self.layout(times=not (window is None and hop is None), top=top, threshold=threshold)
        stream = self.stream(audio_paths(_paths(files)), window=window, hop=hop, unreadable=on_unreadable or _refuse)
        rows = [row for one in stream for row in layout.rows(one)]
        table = pd.DataFrame(rows, columns=pd.Index(layout.columns))
        if table.empty:  # of the types that it has with rows
            table = table.astype("float64").astype({"rank": "int64"} if top else {})
        return table.astype({"file": "str", "label": "str"})

    @keywords_in_errors()
    def export(
        self,
        path: str | PathLike[str],
        *,
        format: Literal["onnx", "torch"] | None = None,
        quantize: Literal["int8"] | None = None,
        register: str | None = None,
        data_dir: str | Path | None = None,
        tracking_uri: str | None = None,
    ) -> ExportedFile:
        """Writes the network with its front end as one file: waveforms [batch, samples] to probabilities [batch, classes].

        Before it is written, the file is run on every clip of the test split if the data set is at hand, or else on noise,
        and compared with the harness. It has labels, sample rate, licence and figures as metadata.

        Args:
            path: The file, `.onnx` or `.pt2`.
            format: ONNX, or a program of torch.export; None goes by the ending of the path.
            quantize: `int8` for 8-bit integers behind the front end, in ONNX.
            register: Name of a model of MLflow's registry that it becomes a new version of, for `mlflow.pyfunc.load_model`.
            data_dir: The folder that holds the data sets, if the clips are no longer decoded.
            tracking_uri: MLflow's server or database that it is registered in; None for the study's.

        Returns:
            What was written: `.path`, `.size` in bytes, `.agreement` with the harness (`.clips`, `.same_class`, `.largest`),
            `.quantised`, the same of a quantised network, `.fixed`, why it takes one length alone, and `.registered`, what
            it is in MLflow.

        Raises:
            BenchError: If a part cannot be exported, with the part and the reason; if the file says something else than the
                harness; if what ONNX needs is not installed.

        Example:
            >>> model.export("digits.onnx").agreement.largest
        """
        from bench.api.export import export_network

        given = {"data_dir": data_dir, "tracking_uri": tracking_uri}
        options = checked_options({name: value for name, value in given.items() if value is not None}, spell=flag)
        registry, callback = self._registry, StudyCallback()
        return export_network(
            self._loaded,
            self._stored,
            path,
            format=format,
            quantize=quantize,
            register=register,
            options=options,
            registry=registry,
            callback=callback,
        )

    def model_card(self) -> str:
        """The model card as Markdown, with the YAML header that Hugging Face reads."""
        from bench.api.export import model_card_text

        return model_card_text(self._stored, self._registry)

    def layout(self, *, times: bool = False, top: int | None = None, threshold: float = 0.0) -> TableLayout:
        """The columns of a table of predictions, see `TableLayout`. Raises WrongUsage."""
        return TableLayout(self.labels, times=times, top=top, threshold=threshold)

    def stream(
        self, paths: Iterable[str], *, unreadable: Unreadable, window: float | None = None, hop: float | None = None
    ) -> Iterator[Classified]:
        """Classifies files one after another, as `predict` does, and gives what is done while the others are to come.

        Args:
            paths: Files.
            unreadable: Called with the path of a file that cannot be read, and why; it is then left out.
            window: See `predict`.
            hop: See `predict`.

        Raises:
            WrongUsage: If the window or the hop is no length.
        """
        cutting = Cutting(self.seconds, window, hop)
        return self._classified(stretches_of(paths, cutting, sample_rate=self.sample_rate, unreadable=unreadable))

    def predict_waveform(self, waveform: ArrayLike, *, sample_rate: int) -> pd.Series:
        """Classifies one waveform.

        Args:
            waveform: Floats in -1..1 or 16-bit integers, [samples] or [channels, samples].
            sample_rate: Samples per second, in Hz.

        Returns:
            `label`, `probability` and one probability a class, as a row of `predict`.

        Raises:
            BenchError: If it is not an array of that shape, is empty, or holds values that are not numbers.
        """
        import pandas as pd

        recording, layout = _recording(waveform, sample_rate), self.layout()
        stretches = cut(recording, "", Cutting(self.seconds), sample_rate=self.sample_rate)
        ((_, *values),) = layout.rows(next(self._classified(stretches)))
        return pd.Series(values, index=pd.Index(layout.columns[1:]))

    def __repr__(self) -> str:
        spec = self._stored.record.spec
        name = f"{self._stored.name}, {spec.model.name} on {spec.feature.name}"
        return (
            f"<TrainedModel {name}: {len(self.labels)} classes, clips of {self.seconds:g} s at {self.sample_rate} Hz>"
        )

    def _classified(self, stretches: Iterable[Stretch]) -> Iterator[Classified]:
        settings = self._stored.record.spec.training
        return classified(stretches, self._loaded, settings, seconds=self.seconds, classes=len(self.labels))


@keywords_in_errors()
def load_model(run: str | Path, *, plugins: Iterable[type[Plugin]] = ()) -> TrainedModel:
    """The trained network of a final or a reproduction.

    Args:
        run: The run's folder, as `bench-results/recordings-1/final-1-seed-0`, or its name in the results folder,
            `recordings-1/final-1-seed-0`; a study stands for the median seed of its best configuration. A copy of a run's
            folder alone will do.
        plugins: The classes that the study was begun with beside the installed plugins.

    Raises:
        BenchError: If there is no such run, it has no weights, or its plugins have changed.
    """
    registry = with_classes(plugins)
    return trained_model(find_stored_model(run, registry), registry)


def trained_model(stored: StoredModel, registry: Registry) -> TrainedModel:
    """The trained network of a run on disk. Raises BenchError as `load_model` does."""
    return TrainedModel(load_network(stored, registry), stored, registry)


def _refuse(path: str, reason: str) -> None:
    raise BenchError(f"{path} cannot be classified ({reason}): leave it out, or mend it")


def _paths(files: str | PathLike[str] | Iterable[str | PathLike[str]]) -> list[str | PathLike[str]]:
    """The files as a list. Raises BenchError if they are something else."""
    paths = [files] if isinstance(files, str | PathLike) or not isinstance(files, Iterable) else list(files)
    for path in paths:
        if not isinstance(path, str | PathLike):
            raise BenchError(f"predict takes paths of audio files, not {type(path).__name__}: see predict_waveform")
    return paths


def _recording(waveform: ArrayLike, sample_rate: int) -> Recording:
    """A waveform in the form of a decoded file. Raises BenchError."""
    try:
        array = np.asarray(waveform)
    except Exception as error:  # what arrays of other libraries, and lists that are no table, raise
        raise BenchError(f"the waveform is no array of numbers ({one_line(error)[:200]})") from None
    if array.dtype == np.int16:
        array = array / np.float32(32768)
    if array.ndim == 2 and array.shape[0] > max(MOST_CHANNELS, array.shape[1]):
        raise BenchError(
            f"a waveform of several channels is [channels, samples], and this one is {list(array.shape)}: "
            "give its transpose, waveform.T"
        )
    if array.ndim == 2 and array.size:
        array = array.mean(axis=0)
    if array.ndim != 1 or not array.size or array.dtype.kind != "f":
        raise BenchError(
            f"a waveform is an array of floats in -1..1 or of int16, [samples] or [channels, samples], not {array.dtype} "
            f"{list(array.shape)}"
        )
    if not np.isfinite(array).all():
        raise BenchError("the waveform holds values that are not numbers (NaN or infinity)")
    if np.abs(array).max() > LOUDEST:
        raise BenchError(
            f"the waveform has values up to {np.abs(array).max():.4g}, of floats in -1..1: divide it by its full scale"
        )
    if not (isinstance(sample_rate, int | float | np.number) and 1 <= sample_rate < np.inf):
        raise BenchError(f"a sample rate is a number of samples per second, not {sample_rate!r}")
    return Recording(array.astype(np.float32), int(sample_rate))
