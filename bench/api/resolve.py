"""From options to a study that is complete: plugins, data, device, folder and record, before anything of it runs."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.data.feature_cache import feature_limit
from bench.data.preparation import prepare
from bench.data.prepared import PreparedData
from bench.errors import BenchError, WrongUsage, did_you_mean, first_few
from bench.evaluation.metrics import metric_title
from bench.executors.gpus import count_workers, visible_gpus
from bench.files import cache_directory, data_directory, give_libraries_a_cache, results_directory
from bench.options import IN_PROCESS, LOCAL, RunOptions, flag, option
from bench.plugins import PluginConfig, Split
from bench.plugins.references import dataset_config, located_at, location, study_stem
from bench.plugins.registry import CALLER, Registry
from bench.reporting.numbers import plural
from bench.results.study_folder import StudyFolder, checked_name, free_name, open_study
from bench.results.study_records import StudyRecord
from bench.search.callback import StudyCallback
from bench.search.plan import Plan, check_same, check_versions, make_plan, new_record, versions
from bench.sizes import shown_size
from bench.tracking.tracking_store import require_store
from bench.training.device import choose_device
from bench.trial.plugin_code import changed_since_last

if TYPE_CHECKING:
    from bench.search.study_storage import PostgresDatabase

BYTES_OF_SAMPLE = 2
COMPARED_BY_THE_SPACE = ("study", "models", "features", "settings", "epochs")
"""Options of a study that are not compared one by one, since its name and its search space say the same."""


@dataclass(frozen=True)
class ResolvedStudy:
    """A study that can begin or go on: everything that it depends on has been found and checked."""

    registry: Registry
    options: RunOptions
    """Those of this command, with passwords and with what holds only once."""
    folder: StudyFolder
    record: StudyRecord
    plan: Plan
    device: str
    """`cpu` or `cuda`."""
    device_reason: str
    """The device and why it was chosen, for people."""
    workers: int
    """Number of trials that run at the same time; 0 for trials inside this process."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines that a person should read: what was left out, and what is odd about the data."""
        return (*self.plan.notes, *self.record.data.notes, *_absent_classes(self.record.data))


def resolve_new(
    dataset: str, options: RunOptions, *, registry: Registry, command: str, callback: StudyCallback
) -> ResolvedStudy:
    """The study that `options` ask for on a data set: a new one, or the one of that name if it is the same.

    Args:
        dataset: `NAME` or `NAME:ARGUMENT`.
        options: With names of features and models that `registry` has.
        registry: The plugins.
        command: What the record says that the study was started by.
        callback: Told how far the decoding of audio is.

    Raises:
        BenchError: If a name, a value, the data set or the device cannot be used, or another study has the name.
    """
    results = results_directory(options.results)
    if options.study:
        checked_name(options.study)  # before audio is decoded for minutes
    server = None if options.storage is None else _server(options.storage)
    config = dataset_config(registry, dataset, options.dataset_settings)
    plan, data = _plan_and_data(config, options, registry, callback)
    taken = server.names() if server is not None and not options.study else ()
    folder = StudyFolder(results / (options.study or free_name(results, study_stem(registry, config), taken=taken)))
    if not folder.exists():
        record = new_record(
            plan,
            data,
            name=folder.name,
            command=command,
            versions=versions(registry),
            location=location(registry, config),
        )
        return _resolved(folder, record, options, plan, registry)
    record = folder.record()
    check_same(record, plan, data)
    _check_options(record, options)
    record = _with_versions(record, folder, options, registry, spell=flag)
    changes = {name: getattr(options, name) for name in options.model_fields_set if option(name).resume != "fixed"}
    options = record.options.resumed(changes, spell=flag)
    return _resolved(folder, _continued(record, options, data), options, plan, registry)


def resolve_resumed(
    name: str,
    changes: Mapping[str, Any],
    *,
    registry: Registry,
    callback: StudyCallback,
    spell: Callable[[str], str],
    dataset: str = "",
) -> ResolvedStudy:
    """The study of this name as it stands, with all that its record keeps but for the options that are changed.

    Args:
        name: Name of the study.
        changes: Options by name that are given now.
        registry: The plugins.
        callback: Told how far the decoding of audio is.
        spell: Spells an option's name as the user wrote it, for messages.
        dataset: Where the files of its data set are now, as `folder:NEW`; empty if they have not moved.

    Raises:
        BenchError: If there is no such study, an option cannot be changed, or plugins, versions or data are no longer the
            same.
    """
    folder = open_study(results_directory(changes.get("results")), name)
    record = folder.record()
    _require_classes(record, registry)
    options = record.options.resumed(changes, spell=spell)
    record = _with_versions(record, folder, options, registry, spell=spell)
    config = _where_it_is(record, dataset, registry)
    try:
        plan, data = _plan_and_data(config, options, registry, callback)
    except BenchError as error:
        if dataset or not record.location or location(registry, config):
            raise
        raise BenchError(
            f"{error}; study {name!r} began with {record.location}: say where that is now by --dataset beside --resume"
        ) from None
    data = data.model_copy(update={"dataset": record.dataset})
    check_same(record, plan, data, resumed=True)
    record = record.model_copy(update={"location": location(registry, config)})
    return _resolved(folder, _continued(record, options, data), options, plan, registry)


def _with_versions(
    record: StudyRecord, folder: StudyFolder, options: RunOptions, registry: Registry, *, spell: Callable[[str], str]
) -> StudyRecord:
    """The record marked with versions that have changed. Raises BenchError if any have, or code, and that is not allowed."""
    runs = sorted((*folder.trials(), *folder.finals()), key=lambda run: run.finished)
    code = changed_since_last((run.spec for run in runs), registry)
    return check_versions(record, versions(registry), code, allow=options.allow_changed_versions, spell=spell)


def _where_it_is(record: StudyRecord, dataset: str, registry: Registry) -> PluginConfig:
    """The data set of a study with its files where they are now: at `dataset` if that is given, or else where they were.

    Raises:
        BenchError: If `dataset` is another data set.
    """
    if dataset:
        takes = registry.datasets[record.dataset.name].argument
        given = dataset_config(registry, dataset, {})
        if given.name != record.dataset.name:
            raise WrongUsage(
                f"study {record.name!r} is of data set {record.dataset.name}, not of {given.name}: --dataset beside "
                "--resume says where its files are now"
            )
        return record.dataset if takes is None else located_at(registry, record.dataset, str(given.options[takes]))
    moved = located_at(registry, record.dataset, record.location)
    return moved if record.location and location(registry, moved) else record.dataset


def _require_classes(record: StudyRecord, registry: Registry) -> None:
    """Raises BenchError if classes are missing that the study was begun with from Python."""
    missing = registry.lacks(
        ("dataset", record.dataset.name),
        *(("feature", name) for name in record.options.features if isinstance(name, str)),
        *(("model", name) for name in record.options.models if isinstance(name, str)),
    )
    if missing and CALLER in record.versions:
        raise BenchError(
            f"{', '.join(missing)} of study {record.name!r} is a class of the script that began it: go on from Python "
            f"with bench.resume({record.name!r}, plugins=[...])"
        )


def _server(storage: str) -> PostgresDatabase:
    from bench.search.study_storage import PostgresDatabase  # with Optuna, which a dry run does without

    return PostgresDatabase(storage)


def _absent_classes(data: PreparedData) -> Iterator[str]:
    """A line for validation and for test if classes have no clips there; of several outer folds the page says it alone."""
    splits: tuple[Split, ...] = ("validation", "test") if len(data.folds) == 1 else ()
    for split in splits:
        absent = [label for label, clips in zip(data.labels, data.supports[split], strict=True) if not clips]
        if 0 < len(absent) < len(data.labels):
            yield f"no clips of {first_few(absent)} in the {split} split: means over classes there are over the others"


def headline(study: ResolvedStudy) -> tuple[str, ...]:
    """Lines that say what is about to run: the data, the device, the study."""
    data, options = study.record.data, study.record.options
    sizes = ", ".join(f"{data.clips(split):,} {split}" for split in data.splits)
    objective = metric_title(study.record.objective)
    workers = plural(study.workers, "worker") if study.workers else "trials inside this process"
    outer = [fold.name for fold in data.folds]
    seen = "each searched anew" if options.nested else f"of which the search sees {outer[0]}"
    folds = f"{len(outer)} outer folds ({', '.join(outer)}), {seen}"
    return (
        f"data set: {data.title}, {len(data.labels)} classes, {sizes} clips of {data.seconds:g} s",
        f"device: {study.device_reason}; {workers}{', compiled' if options.compile else ''}",
        *([f"protocol: {data.protocol}, {folds}"] if len(outer) > 1 else []),
        f"study: {study.folder.name}, {study.record.trials} trials, maximising validation {objective}",
    )


def resume_command(study: ResolvedStudy) -> str:
    """The command that goes on with the study."""
    elsewhere = study.options.results
    return shlex.join(
        ["bench", "run", "--resume", study.folder.name, *(["--results", str(elsewhere)] if elsewhere else [])]
    )


def _plan_and_data(
    config: PluginConfig, options: RunOptions, registry: Registry, callback: StudyCallback
) -> tuple[Plan, PreparedData]:
    give_libraries_a_cache()
    if options.executor not in registry.executors:
        known = did_you_mean(options.executor, registry.executors)
        raise WrongUsage(f"{flag('executor')} {options.executor}: {known} (see: bench list executors)")
    dataset = registry.dataset(config)
    plan = make_plan(registry, dataset, options)
    device, _ = choose_device(options.device)  # raises before audio is decoded for minutes, as the next lines do
    if _workers(options, device):
        registry.portable()
    feature_limit()
    require_store(options.tracking_uri)
    _require_disk(plan, registry, dataset.seconds() or 1.0, clips=1)
    data = prepare(
        dataset,
        data_dir=data_directory(options.data_dir),
        cache_dir=cache_directory(),
        sample_rates=plan.sample_rates(registry),
        protocol=options.protocol,
        max_unusable=options.max_unusable,
        progress=callback.preparing,
    )
    _require_disk(plan, registry, data.seconds, clips=data.clips("train"))
    return plan, data


def _require_disk(plan: Plan, registry: Registry, seconds: float, *, clips: int) -> None:
    """Raises BenchError if there is no room for augmented copies of so many training clips, with the estimate."""
    folder = next(
        path for path in (cache_directory().absolute(), *cache_directory().absolute().parents) if path.is_dir()
    )
    free = shutil.disk_usage(folder).free
    for candidate in plan.candidates:
        training, feature = candidate.configuration.training, candidate.configuration.feature
        needed = BYTES_OF_SAMPLE * training.offline_copies * clips * seconds * registry.feature(feature).sample_rate
        if needed > free:
            raise BenchError(
                f"training.offline_copies={training.offline_copies} of {plural(clips, 'clip')} take {shown_size(needed)}, "
                f"and {folder} has {shown_size(free)} free: ask for fewer, or free some"
            )


def _resolved(
    folder: StudyFolder, record: StudyRecord, options: RunOptions, plan: Plan, registry: Registry
) -> ResolvedStudy:
    device, reason = choose_device(options.device)
    if options.gpus_per_trial:
        device, reason = "cuda", f"{options.gpus_per_trial:g} GPUs a trial, of the cluster"
    return ResolvedStudy(registry, options, folder, record, plan, device, reason, _workers(options, device))


def _continued(record: StudyRecord, options: RunOptions, data: PreparedData) -> StudyRecord:
    return record.model_copy(update={"data": data, "options": options.recorded()})


def _check_options(record: StudyRecord, options: RunOptions) -> None:
    """Raises BenchError if the study that has the name was begun with other options than are asked for."""
    for name in RunOptions.model_fields:
        if option(name).resume != "fixed" or name in COMPARED_BY_THE_SPACE:
            continue
        before, now = getattr(record.options, name), getattr(options, name)
        if before != now:
            raise BenchError(
                f"study {record.name!r} exists with {flag(name)} {before}, not {now}: choose another name with --study, "
                f"or continue it as it is with bench run --resume {record.name}"
            )


def _workers(options: RunOptions, device: str) -> int:
    """Number of workers. Raises BenchError on contradictions."""
    if options.executor == IN_PROCESS:
        return 0
    if options.executor != LOCAL:
        return options.workers or 1
    gpus = len(visible_gpus()) if device == "cuda" else 0
    return count_workers(options.workers, options.workers_per_gpu, device=device, gpus=gpus)
