"""Draws every kind of figure of one run, for `bench figure KIND` and for the run's report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.data.prepared import PreparedData
from bench.errors import BenchError, one_line
from bench.evaluation.metrics import metric_title
from bench.evaluation.predictions import Predictions
from bench.files import write_atomically
from bench.plugins import Feature, Split
from bench.plugins.registry import Registry
from bench.reporting import figures
from bench.reporting.classification_report import confusion_counts
from bench.reporting.example_audio import (
    MAX_EXAMPLES,
    NOT_DECODED,
    ChosenClip,
    clips_by_id,
    clips_of_classes,
    examples,
    is_decoded,
)
from bench.reporting.figures.activations import MAX_CHANNELS
from bench.reporting.figures.alluvial import DEFAULT_THRESHOLD
from bench.reporting.numbers import score_text
from bench.results.study_folder import StudyFolder
from bench.results.study_records import RunRecord
from bench.trial.weights import weights_file

if TYPE_CHECKING:
    from bench.reporting.trained_network import TrainedNetwork

MAX_POOLED_CLIPS = 105
"""Number of clips for the pooled outputs, over all classes."""
MAX_POOLED_CLIPS_PER_CLASS = 10


@dataclass(frozen=True)
class FigureOptions:
    """Options of `bench figure`; the defaults are those of a report."""

    clips: tuple[str, ...] = ()
    """Ids of the clips; by default the first ones of the classes."""
    feature: Feature | None = None
    """Feature to draw; by default the run's own."""
    threshold: float = DEFAULT_THRESHOLD
    correct: bool = False
    """Whether an alluvial plot includes correctly classified clips."""
    channels: int = MAX_CHANNELS


@dataclass(frozen=True)
class Subject:
    """A run with its data, from which figures are drawn; each part is read when it is first used."""

    study: StudyFolder
    run: RunRecord
    data: PreparedData
    registry: Registry
    options: FigureOptions = field(default_factory=FigureOptions)

    @property
    def title(self) -> str:
        return f"{self.run.study}/{self.run.name}"

    @property
    def description(self) -> str:
        """Title with model and feature: `fsdd-1/final-1-seed-0: tc-resnet on mel`."""
        spec = self.run.spec
        return f"{self.title}: {spec.model.name} on {spec.feature.name}"

    @property
    def split(self) -> Split:
        """The split that the run was scored on last."""
        return "test" if self.run.result.test is not None else "validation"

    @cached_property
    def predictions(self) -> Predictions:
        if self.run.result.validation is None:
            raise BenchError(
                f"{self.title} ended as {self.run.result.status} before it had predictions: name another run"
            )
        return self.study.predictions(self.run, self.split)

    @cached_property
    def feature(self) -> Feature:
        return self.options.feature or self.registry.feature(self.run.spec.feature)

    @cached_property
    def network(self) -> TrainedNetwork:
        from bench.reporting.trained_network import TrainedNetwork

        return TrainedNetwork(self.study, self.run, self.data, registry=self.registry)


@dataclass(frozen=True)
class FigureKind:
    """A kind of figure that can be drawn of a run."""

    file_name: str
    caption: str
    draw: Callable[[Subject], bytes]
    """Draws the figure as PNG; raises BenchError with the reason if it cannot be drawn."""
    available: Callable[[Subject], bool] = lambda subject: True
    """Whether the run has what the figure needs; a report omits the figure silently if not."""
    needs_audio: bool = False
    """Whether the figure needs the decoded clips."""
    needs_weights: bool = False


@dataclass(frozen=True)
class DrawnFigures:
    """The figures that were drawn for a report, and the reasons for those that were not."""

    files: dict[str, Path]
    """Paths by kind."""
    failures: dict[str, str]
    """Reasons by kind."""


def draw_figures(subject: Subject, folder: Path) -> DrawnFigures:
    """Draws all figures of a run into a folder. A figure that fails does not affect the others.

    Raises:
        BenchError: The folder cannot be written to.
    """
    files: dict[str, Path] = {}
    failures: dict[str, str] = {}
    for name, kind in FIGURE_KINDS.items():
        try:
            if not kind.available(subject):
                continue
            if reason := _missing_input(subject, kind):
                failures[name] = reason
                continue
            png = kind.draw(subject)
        except Exception as error:  # Whatever fails in a figure must not lose a result.
            message = one_line(error)
            failures[name] = message if isinstance(error, BenchError) else f"{type(error).__name__}: {message}"
            continue
        files[name] = folder / kind.file_name
        write_atomically(files[name], png)
    return DrawnFigures(files, failures)


def _missing_input(subject: Subject, kind: FigureKind) -> str:
    if kind.needs_weights and weights_file(subject.study.run_folder(subject.run)) is None:
        return "the run stored no weights, which only finals and reproductions do"
    if kind.needs_audio and not is_decoded(subject.data, subject.feature.sample_rate):
        return NOT_DECODED
    return ""


def draw_class_histogram(data: PreparedData, title: str) -> bytes:
    """Draws the number of clips of every class by split."""
    return figures.class_histogram(data.supports, data.labels, title)


def draw_example_clips(data: PreparedData, feature: Feature, ids: Iterable[str], title: str) -> bytes:
    """Draws the named clips, or else the first training clip of each of at most eight classes, and their feature."""
    rate = feature.sample_rate
    named = tuple(ids)
    if named:
        chosen, selection = clips_by_id(data, named, sample_rate=rate), ""
    else:
        chosen = clips_of_classes(data, "train", sample_rate=rate, classes=MAX_EXAMPLES)
        selection = f", {len(chosen)} of {len(data.labels)} classes" if len(chosen) < len(data.labels) else ""
    return figures.example_clips(examples(data, chosen, feature), feature.name, f"{title}{selection}, {rate:,} Hz")


def _classes(subject: Subject) -> bytes:
    return draw_class_histogram(subject.data, subject.data.title)


def _clip(subject: Subject) -> bytes:
    return draw_example_clips(subject.data, subject.feature, subject.options.clips, subject.data.title)


def _confusion(subject: Subject) -> bytes:
    return figures.confusion_matrix(_counts(subject), subject.predictions.labels, _title(subject))


def _confusion_rates(subject: Subject) -> bytes:
    return figures.confusion_rates(_counts(subject), subject.predictions.labels, _title(subject))


def _alluvial(subject: Subject) -> bytes:
    options = subject.options
    return figures.alluvial(
        _counts(subject),
        subject.predictions.labels,
        _title(subject),
        threshold=options.threshold,
        correct=options.correct,
    )


def _curves(subject: Subject) -> bytes:
    result = subject.run.result
    if not result.epochs:
        raise BenchError(f"{subject.title} has no epochs on record: it ended as {result.status} before its first")
    metric = subject.run.spec.objective
    return figures.training_curves(result.epochs, result.best_epoch, subject.title, metric=metric)


def _range_test(subject: Subject) -> bytes:
    test = subject.run.result.range_test
    if test is None:
        raise BenchError(f"{subject.title} has no range test: its learning rate was given (bench lr-find runs one)")
    return figures.range_test(test, f"{subject.description}: learning-rate range test")


def _activations(subject: Subject) -> bytes:
    rate = subject.network.sample_rate
    chosen, *_ = _named_clips(subject, rate) or clips_of_classes(
        subject.data, "validation", sample_rate=rate, classes=1
    )
    layers = subject.network.layers(subject.network.model_input(chosen.samples, chosen.length))
    seconds = subject.run.spec.training.segment_seconds
    part = "" if seconds is None else f", its loudest {seconds:g} s"
    title = f"{subject.description}: {subject.data.labels[chosen.target]}, {chosen.id}{part}"
    return figures.activations(layers, title, labels=subject.data.labels, channels=subject.options.channels)


def _pooled(subject: Subject) -> bytes:
    rate, labels = subject.network.sample_rate, subject.data.labels
    per_class = max(1, min(MAX_POOLED_CLIPS_PER_CLASS, MAX_POOLED_CLIPS // len(labels)))
    clips = _named_clips(subject, rate) or clips_of_classes(
        subject.data, "validation", sample_rate=rate, per_class=per_class
    )
    outputs, weights = subject.network.pooled(
        [subject.network.model_input(clip.samples, clip.length) for clip in clips]
    )
    return figures.pooled_outputs(
        outputs, np.array([clip.target for clip in clips]), weights, labels, subject.description
    )


def _filters(subject: Subject) -> bytes:
    rate = subject.network.sample_rate if subject.network.reads_waveforms else None
    return figures.first_filters(
        subject.network.first_filters(), f"{subject.description}: first layer", sample_rate=rate
    )


def _named_clips(subject: Subject, sample_rate: int) -> list[ChosenClip]:
    return clips_by_id(subject.data, subject.options.clips, sample_rate=sample_rate)


def _counts(subject: Subject) -> NDArray[np.int64]:
    return confusion_counts(subject.predictions)


def _title(subject: Subject) -> str:
    scores, metric = getattr(subject.run.result, subject.split), subject.run.spec.objective
    return f"{subject.title}: {subject.split}, {metric_title(metric)} {score_text(getattr(scores, metric))}"


def _is_confused(subject: Subject) -> bool:
    return bool((subject.predictions.predicted != subject.predictions.targets).any())


FIGURE_KINDS: dict[str, FigureKind] = {
    "classes": FigureKind("class-histogram.png", "Clips of every class", _classes),
    "clip": FigureKind(
        "example-clips.png", "Example clips: waveform, Fourier transform, feature", _clip, needs_audio=True
    ),
    "confusion": FigureKind("confusion-matrix.png", "Confusion matrix", _confusion),
    "confusion-rates": FigureKind(
        "confusion-rates.png", "Confusion matrix in percent of the true class", _confusion_rates
    ),
    "alluvial": FigureKind(
        "confusions.png", "Confusions from predicted to true class", _alluvial, available=_is_confused
    ),
    "curves": FigureKind(
        "loss-curves.png", "Loss and accuracy by epoch", _curves, available=lambda s: bool(s.run.result.epochs)
    ),
    "range-test": FigureKind(
        "range-test.png",
        "Learning-rate range test",
        _range_test,
        available=lambda subject: subject.run.result.range_test is not None,
    ),
    "activations": FigureKind(
        "activations.png", "Activations of every layer for one clip", _activations, needs_audio=True, needs_weights=True
    ),
    "pooled": FigureKind(
        "pooled-outputs.png",
        "Outputs before the last linear layer, and its weights",
        _pooled,
        needs_audio=True,
        needs_weights=True,
    ),
    "filters": FigureKind("filters.png", "Filters of the first layer", _filters, needs_weights=True),
}
"""Every kind of figure of a run by its name on the command line, in the order of a report."""
