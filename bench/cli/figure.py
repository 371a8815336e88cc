"""`bench figure`: one figure of a run, a study or a data set, by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.common import DataDir, MaxUnusable, ResultsDir, SettingsFlag, installed_plugins, options_of, warn
from bench.data.preparation import prepare
from bench.data.prepared import PreparedData
from bench.errors import BenchError, WrongUsage, did_you_mean
from bench.files import cache_directory, data_directory, results_directory, write_atomically
from bench.options import RunOptions
from bench.plugins import Dataset, Feature, PluginConfig
from bench.plugins.references import dataset_config
from bench.plugins.registry import Registry
from bench.reporting.example_audio import is_decoded
from bench.reporting.feature_comparison import compare_features
from bench.reporting.progress import study_progress
from bench.reporting.publishing import dataset_file_name
from bench.reporting.ranks_over_pages import draw_critical_difference
from bench.reporting.run_figures import FIGURE_KINDS, FigureOptions, Subject, draw_class_histogram, draw_example_clips
from bench.results.stored_model import stored_model
from bench.results.study_folder import find_run
from bench.results.study_records import RunRecord

KIND_NAMES = (
    *("classes", "clip", "confusion", "confusion-rates", "alluvial", "curves", "comparison"),
    *("range-test", "activations", "pooled", "filters", "critical-difference"),
)
OF_SEVERAL = ("comparison", "critical-difference")
"""Kinds that take several targets."""
OF_DATA = ("classes", "clip")
"""Kinds that need no run: of a data set, too."""


def command(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"One of {', '.join(KIND_NAMES)}.", show_default=False)],
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET",
            help="STUDY/final-1-seed-0, STUDY/trial-0007, STUDY for its best, or for classes and clip a data set, as in "
            "bench run. For comparison one or several; for critical-difference pages, as leaderboards/fsdd.json.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The PNG file.  \\[default: KIND-TARGET.png here]"),
    ] = None,
    feature: Annotated[
        str, typer.Option("--feature", help="For clip: the feature.  \\[default: the run's; mel]", show_default=False)
    ] = "",
    model: Annotated[
        str, typer.Option("--model", help="For comparison: the model.  \\[default: the best]", show_default=False)
    ] = "",
    clip: Annotated[
        list[str] | None,
        typer.Option("--clip", metavar="ID", help="For clip, activations, pooled: a clip by its id. Repeatable."),
    ] = None,
    settings: SettingsFlag = None,
    channels: Annotated[int, typer.Option("--channels", min=1, help="For activations: channels of a layer.")] = 10,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0, max=1, help="For alluvial: smallest share of all clips of a pair.")
    ] = 0.001,
    correct: Annotated[bool, typer.Option("--correct", help="For alluvial: draw what is right, too.")] = False,
    max_unusable: MaxUnusable = None,
    data_dir: DataDir = None,
    results: ResultsDir = None,
) -> None:
    """Draw one figure as PNG: of the data, of how a run went, or of what its network does with real clips."""

    if kind not in KIND_NAMES:
        raise WrongUsage(f"unknown kind of figure {kind!r}: {did_you_mean(kind, KIND_NAMES)}")
    if len(targets) > 1 and kind not in OF_SEVERAL:
        raise WrongUsage(f"a figure of kind {kind} has one target, and here are {len(targets)}: {', '.join(targets)}")
    _refuse_what_the_kind_has_not(kind, feature=feature, model=model, clip=clip, set=settings, correct=correct)
    options = options_of(settings=settings, max_unusable=max_unusable, data_dir=data_dir, results=results)
    folder, target = results_directory(options.results), targets[0]
    workspace = _Workspace(installed_plugins(), options)
    if kind == "comparison":
        image = _comparison(folder, targets, model)
    elif kind == "critical-difference":
        image = draw_critical_difference([Path(page) for page in targets])
    elif target.partition(":")[0] in workspace.registry.datasets:
        image = _of_dataset(kind, target, workspace, feature, tuple(clip or ()))
    else:
        asked = FigureOptions(clips=tuple(clip or ()), threshold=threshold, correct=correct, channels=channels)
        image = _of_run(kind, folder, target, workspace, feature, asked)
    of_target = "" if kind == "critical-difference" else f"-{dataset_file_name(target.replace('/', '-'))}"
    path = output or Path(f"{kind}{of_target}.png")
    write_atomically(path, image)
    print(path)


OPTIONS = {
    "feature": ("clip",),
    "set": ("classes", "clip"),
    "clip": ("clip", "activations", "pooled"),
    "model": ("comparison",),
    "correct": ("alluvial",),
}
"""The kinds that an option is for."""


def _refuse_what_the_kind_has_not(kind: str, **given: object) -> None:
    """Raises BenchError rather than leave out what the user has typed."""

    for option, value in given.items():
        if value and kind not in OPTIONS[option]:
            raise WrongUsage(
                f"--{option} is for figures of kind {', '.join(OPTIONS[option])}, not for {kind}: leave it out"
            )


@dataclass(frozen=True)
class _Workspace:
    """The installed plugins, and the options that say where their data are."""

    registry: Registry
    options: RunOptions

    def prepare(self, dataset: Dataset, sample_rate: int, protocol: str = "official") -> PreparedData:
        """The data set decoded at this rate."""
        callback = study_progress()
        with callback:
            data = prepare(
                dataset,
                data_dir=data_directory(self.options.data_dir),
                cache_dir=cache_directory(),
                sample_rates=[sample_rate],
                protocol=protocol,
                max_unusable=self.options.max_unusable,
                progress=callback.preparing,
            )
        for line in data.notes:
            warn(line)
        return data

    def feature(self, config: PluginConfig) -> Feature:
        """The feature with the `feature.NAME.` settings laid over its own options. Raises BenchError on other keys."""
        prefix, settings = f"feature.{config.name}.", self.options.settings
        for key in settings:
            if not key.startswith((prefix, "dataset.")):
                raise WrongUsage(f"--set {key} has nothing to set here: keys begin with {prefix} or dataset.")
        own = {key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)}
        return self.registry.feature(config.model_copy(update={"options": {**config.options, **own}}))

    def audio(self, run: RunRecord, data: PreparedData, sample_rate: int) -> PreparedData:
        """The data of a run with its clips decoded at this rate: as they are, or else made again."""
        if is_decoded(data, sample_rate):
            return data.of_fold(run.spec.fold)
        made = self.prepare(self.registry.dataset(data.dataset), sample_rate, run.spec.protocol)
        if made.revision != run.spec.revision:
            warn(f"the files of {data.title} are not those that {run.study}/{run.name} was run on")
        return made.of_fold(run.spec.fold)


def _of_dataset(kind: str, target: str, workspace: _Workspace, feature: str, clips: tuple[str, ...]) -> bytes:
    if kind not in OF_DATA:
        raise WrongUsage(
            f"{target} is a data set, and {kind} is a figure of a run: name STUDY/final-1-seed-0, or STUDY"
        )
    chosen = workspace.feature(PluginConfig(name=feature or "mel"))
    registry = workspace.registry
    dataset = registry.dataset(dataset_config(registry, target, workspace.options.settings))
    data = workspace.prepare(dataset, chosen.sample_rate)
    if kind == "classes":
        return draw_class_histogram(data, data.title)
    return draw_example_clips(data, chosen, clips, data.title)


def _of_run(kind: str, results: Path, target: str, workspace: _Workspace, feature: str, asked: FigureOptions) -> bytes:
    if kind in OF_DATA and not (results / target.partition("/")[0]).exists():
        near = did_you_mean(target, workspace.registry.datasets)
        raise BenchError(
            f"{target!r} is neither a study in {results} nor a data set: {near} (see: bench list datasets)"
        )
    study, run = find_run(results, target)
    if any(key.startswith("dataset.") for key in workspace.options.settings):
        raise WrongUsage("--set dataset.OPTION is for a data set: the run's data set has its options, leave it out")
    data = (study.reproduction() if study.is_reproduction() else study.record()).data
    if FIGURE_KINDS[kind].needs_weights:
        stored_model(study, run, data, workspace.registry)  # which raises, before audio is decoded for minutes
    if FIGURE_KINDS[kind].needs_audio:
        chosen = workspace.feature(PluginConfig(name=feature) if feature else run.spec.feature)
        asked = replace(asked, feature=chosen)
        data = workspace.audio(run, data, chosen.sample_rate)
    return FIGURE_KINDS[kind].draw(Subject(study, run, data, workspace.registry, asked))


def _comparison(results: Path, targets: list[str], model: str) -> bytes:
    """Of a study all runs; of several targets the run of each."""
    runs: list[RunRecord] = []
    dataset = ""
    for target in targets:
        study, run = find_run(results, target)
        whole = "/" not in target
        runs += [*study.trials(), *study.finals(), *study.reproduction_runs()] if whole else [run]
        dataset = (study.reproduction() if study.is_reproduction() else study.record()).data.title
    return compare_features(runs, dataset=dataset, model=model)
