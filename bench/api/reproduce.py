"""`bench.reproduce`: runs a recipe, or a row of a published leaderboard, again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api.calling import keywords_in_errors, study_callback
from bench.api.plugins import with_classes
from bench.api.study import Run
from bench.data.prepared import PreparedData
from bench.errors import BenchError, WrongUsage
from bench.files import data_directory, remove_unfinished, results_directory, write_atomically
from bench.options import RunOptions, checked_options
from bench.plugins import PluginConfig
from bench.plugins.contracts import Plugin
from bench.plugins.references import dataset_config, dataset_reference, path_option, without_path
from bench.plugins.registry import Registry
from bench.reporting.leaderboard_records import Row, SeedRun
from bench.reporting.publishing import dataset_file_name, load_published
from bench.reporting.reproductions import ReproducedRecipe, measured_figures
from bench.reporting.verdicts import ReproductionVerdict, Verdict, verdict_on
from bench.results.study_folder import StudyFolder
from bench.search.callback import StudyCallback
from bench.search.reproduction import Reproduction, of_recipe, protocol

if TYPE_CHECKING:
    import pandas as pd

RECIPE_SEEDS = 3
"""Seeds that a recipe is run with unless told otherwise."""
VERDICT_FILE = "verdict.json"
"""Holds the verdict beside the runs."""


@dataclass(frozen=True)
class ReproductionResult:
    """What was published, and what came out here."""

    title: str
    folder: Path
    """The folder that holds the runs."""
    runs: tuple[Run, ...]
    """One a seed."""
    published: tuple[Mapping[str, float], ...]
    """Published figures by name, one mapping a seed; empty if none are known."""
    comparison: ReproductionVerdict
    """Verdicts on every seed and figure, with what chance explains."""

    @property
    def verdict(self) -> Verdict | None:
        """`the same to the last digit`, `within the spread of its seeds` or `differs`; None if nothing was published."""
        return self.comparison.verdict

    @property
    def differences(self) -> tuple[str, ...]:
        """Lines on what differs here from what was published with: code, files, device, threads, versions, settings."""
        return self.comparison.differences

    def figures(self) -> list[tuple[str, str, float | None, float | None]]:
        """Run, figure, what was published and what was measured, for every seed and figure."""
        return [
            (run.name, figure, published.get(figure), measured_figures(run.record.result).get(figure))
            for run, published in zip(self.runs, self.published, strict=True)
            for figure in published or ("validation_accuracy", "test_accuracy")
        ]

    def to_dataframe(self) -> pd.DataFrame:
        """One row a seed and figure.

        Returns:
            A table with the columns `run`, `figure`, `published`, `measured`, `difference` and `verdict` (on the seed).
        """
        import pandas as pd

        frame = pd.DataFrame(self.figures(), columns=["run", "figure", "published", "measured"])
        verdicts = {seed.run: seed.verdict for seed in self.comparison.seeds}
        return frame.assign(difference=frame["measured"] - frame["published"], verdict=frame["run"].map(verdicts))


def reproduce(
    row: str,
    *,
    dataset: str = "",
    settings: Mapping[str, Any] | None = None,
    seeds: int | None = None,
    plugins: Iterable[type[Plugin]] = (),
    progress: bool = False,
    **options: Any,
) -> ReproductionResult:
    """Trains and tests a recipe or a row of a leaderboard again.

    Args:
        row: A recipe's name, or `leaderboards/fsdd.json:ID` as the page names its rows.
        dataset: For a recipe: the data set, by default the one that it was published on. For a row of `folder:` or `csv:`:
            where the files are here.
        settings: For a recipe: settings by dotted name that are changed.
        seeds: Number of seeds, by default those of the row, or 3 for a recipe.
        plugins: The classes that the row needs beside the installed plugins.
        progress: Whether to print what happens.
        **options: `workers`, `device`, `threads`, `max_unusable`, `data_dir` and `results`, as in `bench.run`.

    Raises:
        BenchError: If there is no such recipe or row, its data set cannot be used, or a run does not come to its end.
    """
    if not isinstance(row, str):
        raise WrongUsage(f"a row is given by a recipe's name or as leaderboards/fsdd.json:ID, not by {row!r}")
    with keywords_in_errors():
        registry = with_classes(plugins)
        checked = checked_options(options)
        wanted = wanted_of(registry, row, dataset=dataset, settings=settings or {}, seeds=seeds, options=checked)
        callback = study_callback(progress)
        return run_wanted(wanted, checked, registry, callback, command=f"bench.reproduce({row!r})")


def wanted_of(
    registry: Registry,
    row: str,
    *,
    dataset: str,
    settings: Mapping[str, Any],
    seeds: int | None,
    options: RunOptions | None = None,
) -> Reproduction:
    """What a recipe or a row asks to be run. Raises BenchError as `reproduce` does."""
    if not (row.endswith(".json") or ".json:" in row):
        return recipe_on(registry, row, dataset, settings, seeds)
    if settings:
        raise WrongUsage("a row of a leaderboard is run as it is: leave out the settings, or name a recipe")
    return _row(registry, row, dataset, seeds, options or RunOptions())


def run_wanted(
    wanted: Reproduction, options: RunOptions, registry: Registry, callback: StudyCallback, *, command: str
) -> ReproductionResult:
    """Prepares the data, runs every seed with its test, and writes the reports. Raises BenchError if a run fails."""
    import torch

    from bench.api.spec_data import prepare_for
    from bench.cores import threads_per_worker
    from bench.executors.in_process import InProcessExecutor
    from bench.executors.local import LocalExecutor
    from bench.locks import audio_in_use, study_locked
    from bench.reporting.numbers import plural
    from bench.reporting.run_report import write_reports
    from bench.search.reproduction_source import run_reproduction
    from bench.training.device import choose_device
    from bench.trial.hardware import hardware

    device, reason = choose_device(options.device)
    registry.model(wanted.specs[0].model)  # raises if it is not installed, before audio is decoded for minutes
    data = prepare_for(wanted.specs[0], wanted.dataset, options, registry=registry, callback=callback)
    _check_clips(wanted, data, registry)
    threads = options.threads or (wanted.hardware.threads if wanted.hardware else None)
    workers = 1 if options.workers is None else min(options.workers, len(wanted.specs))
    here = hardware(torch.device(device), registry=registry, compiled=wanted.compiled).model_copy(
        update={"threads": threads or (threads_per_worker(workers) if workers else torch.get_num_threads())}
    )
    record = wanted.record(data, here, registry=registry, command=command)
    changes = ReproducedRecipe(record, runs=()).changes()
    for line in (*data.notes, *changes):
        callback.warning(line)
    callback.note(f"{wanted.title}: {plural(len(wanted.specs), 'seed')} on {reason}")
    folder = StudyFolder(results_directory(options.results) / f"reproduce-{wanted.folder}")
    with study_locked(folder.folder), audio_in_use(data.caches.values()):
        remove_unfinished(folder.folder)
        folder.write_reproduction(record)
        executor = (
            LocalExecutor(
                workers=workers,
                device=device,
                log_folder=folder.folder / "logs",
                registry=registry,
                time_limit=options.trial_timeout,
                threads=threads,
            )
            if workers
            else InProcessExecutor(registry=registry, device=device, threads=threads)
        )
        try:
            with callback:
                runs = run_reproduction(wanted, data, folder, executor, registry=registry, callback=callback)
        finally:
            executor.close(now=True)
        write_reports(folder, runs, registry=registry)
        if (ran_on := runs[0].result.hardware) is not None:  # the compiler, say, may have been of no use
            record = wanted.record(data, ran_on, registry=registry, command=command)
            folder.write_reproduction(record)
        comparison = verdict_on(wanted, runs, data, ReproducedRecipe(record, runs=()).changes())
        write_atomically(folder.folder / VERDICT_FILE, comparison.model_dump_json(indent=1) + "\n")
    return ReproductionResult(
        title=wanted.title,
        folder=folder.folder,
        runs=tuple(Run(folder, run, registry=registry) for run in runs),
        published=wanted.published,
        comparison=comparison,
    )


def recipe_on(
    registry: Registry, name: str, dataset: str, settings: Mapping[str, Any], seeds: int | None
) -> Reproduction:
    """A recipe on the data set named, or else on the one that it was published on, with its options."""
    recipe = registry.recipe(name)
    published_on = protocol(recipe)
    if not dataset or dataset == published_on.name:
        dataset = published_on.name
        settings = {f"dataset.{option}": value for option, value in published_on.options.items()} | dict(settings)
    config = dataset_config(registry, dataset, settings)
    wanted = of_recipe(
        recipe,
        config,
        folder=f"{name}-{dataset_file_name(dataset_reference(registry, config))}",
        settings={name: value for name, value in settings.items() if not name.startswith("dataset.")},
        seeds=seeds or RECIPE_SEEDS,
    )
    here = without_path(registry, config)
    return replace(wanted, specs=tuple(spec.model_copy(update={"dataset": here}) for spec in wanted.specs))


def _row(registry: Registry, reference: str, dataset: str, seeds: int | None, options: RunOptions) -> Reproduction:
    path, _, identifier = (f"{reference}:" if reference.endswith(".json") else reference).rpartition(":")
    leaderboard = load_published(Path(path))
    if not identifier:
        rows = ", ".join(row.id for row in leaderboard.rows())
        raise BenchError(f"{path} is a whole leaderboard: name a row, as {path}:ROW, of {rows}")
    row = leaderboard.row(identifier)
    runs = [run for run in row.runs if seeds is None or _repeat(row, run) < seeds]
    of = next(protocol for protocol in leaderboard.protocols if row in protocol.rows)
    config = _here(registry, runs[0], of.dataset, dataset, options)
    return Reproduction(
        name=identifier,
        folder=identifier,
        title=f"row {identifier} of {leaderboard.dataset}, rank {row.rank}, {row.model.name} on {row.feature.name}",
        dataset=config,
        specs=tuple(run.spec for run in runs),
        published=tuple(map(_figures, runs)),
        all_published=tuple(map(_figures, row.runs)),
        scores=tuple((run.validation, run.test) for run in runs),
        hardware=runs[0].hardware,
    )


def _repeat(row: Row, run: SeedRun) -> int:
    """How many seeds of the same outer fold come before this one."""
    of_fold = [other for other in row.runs if other.spec.fold == run.spec.fold]
    return of_fold.index(run)


def _figures(run: SeedRun) -> dict[str, float]:
    """The figures of a row's seed that are compared: the score that ranks rows."""
    scored = {"validation": run.validation, "test": run.test}
    return {f"{split}_{run.spec.objective}": getattr(scores, run.spec.objective) for split, scores in scored.items()}


def _here(registry: Registry, run: SeedRun, published: PluginConfig, dataset: str, options: RunOptions) -> PluginConfig:
    """A row's data set, with its files at `dataset` if that is given, or else where they are found.

    All its other options stay the row's.

    Raises:
        BenchError: It is another data set, or the files are not found.
    """
    takes = path_option(registry, published)
    if dataset:
        given = dataset_config(registry, dataset, {})
        if given.name != published.name or takes is None:
            raise BenchError(
                f"the row is of data set {published.name}: --dataset {dataset} cannot be in its place, leave it out"
            )
        location = str(given.options[takes])
    elif takes is None:
        return run.spec.dataset
    else:
        name = str(published.options.get(takes, ""))
        location = str(_location(run, name, takes, options) or "")
        if not location:
            raise BenchError(
                f"the row is of {published.name}:{name}, which is not found here: say where it lies, as "
                f"--dataset {published.name}:{takes.upper()}, or name the folder that holds it with --data-dir"
            )
    return published.model_copy(update={"options": {**published.options, takes: location}})


def _location(run: SeedRun, name: str, takes: str, options: RunOptions) -> Path | None:
    """Where the files of a published row are: where its study had them, in the folder of all data, or here."""
    study = StudyFolder(results_directory(options.results) / run.run.partition("/")[0])
    known = [data_directory(options.data_dir) / Path(name).name, Path(name).expanduser()] if name else []
    if study.exists() and (record := study.record()).data.revision == run.spec.revision:
        known.insert(0, Path(record.location or str(record.dataset.options.get(takes, name))).expanduser())
    return next((path for path in known if path.exists()), None)


def _check_clips(wanted: Reproduction, data: PreparedData, registry: Registry) -> None:
    """Raises BenchError if the files of a row, which somebody has put anywhere, are others."""
    revision = wanted.specs[0].revision
    takes = path_option(registry, wanted.dataset)
    if takes is not None and not wanted.recipe and revision not in ("", data.revision):
        raise BenchError(
            f"{wanted.dataset.options[takes]} does not hold the clips of row {wanted.name} (revision {data.revision}, and "
            f"the row is of {revision}): say where those are with --dataset {wanted.dataset.name}:{takes.upper()}"
        )
