"""A trained network on disk: its weights, and the record of what it needs beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from bench.data.prepared import PreparedData
from bench.errors import BenchError
from bench.plugins.registry import CALLER, Registry
from bench.results.study_folder import StudyFolder, find_run, located, read_record
from bench.results.study_records import RunRecord
from bench.trial import ModelRecord, TrialSpec
from bench.trial.plugin_code import changed_plugins
from bench.trial.weights import weights_file


@dataclass(frozen=True)
class StoredModel:
    """A run that kept its weights.

    Attributes:
        folder: The run's folder, which may be a copy that lies alone.
        weights: The file of its weights.
        run: The run's own record.
        record: What the network needs beside its weights.
        study: Where the run's study is; None for a copy of the run's folder alone.
    """

    folder: Path
    weights: Path
    run: RunRecord
    record: ModelRecord
    study: StudyFolder | None

    @property
    def name(self) -> str:
        """`STUDY/final-1-seed-0`."""
        return f"{self.run.study}/{self.run.name}"

    def differences(self, registry: Registry) -> tuple[str, ...]:
        """What its numbers depend on and is another here than where it was trained, one line each."""
        spec, here = self.record.spec, registry.versions()
        origins = (registry.origins.get((kind, name)) for kind, name in spec.plugins().items())
        packages = dict.fromkeys(origin.distribution for origin in origins if origin is not None)
        then = {name: self.record.versions.get(name, here[name]) for name in packages if name != CALLER}
        versions = (
            f"{name} is {here[name]} here, and {self.name} was trained with {version}"
            for name, version in then.items()
            if version != here[name]
        )
        code = (
            f"the code of {plugin} is not that with which {self.name} was trained"
            for plugin in changed_plugins([spec], registry)
        )
        return (*versions, *code)


def find_stored_model(
    reference: str | PathLike[str], registry: Registry, *, results: Path | str | None = None
) -> StoredModel:
    """The trained network that a person names.

    Args:
        reference: A run or a study by its folder or its name, see `located`; also a copy of a run's folder alone.
        registry: The plugins.
        results: The results folder of a name; None for where `located` looks.

    Raises:
        BenchError: If there is no such run, it has no weights, or a plugin is missing.
    """
    folder = Path(reference).expanduser() if isinstance(reference, str | PathLike) else Path()
    if not (folder / "run.json").is_file() or _is_in_a_study(folder):
        in_results = (
            None if results is None or folder.is_dir() or folder.is_absolute() else (Path(results), str(reference))
        )
        study, run = find_run(*(in_results or located(reference)))
        return stored_model(study, run, data_of(study, run), registry)
    run = read_record(folder / "run.json", RunRecord)
    if (weights := weights_file(folder)) is None:
        raise no_weights(f"{run.study}/{run.name}")
    if not (folder / "model.json").is_file():
        raise BenchError(
            f"{folder} has no model.json, as a run of an earlier version: its network needs the study's folder, copy that"
        )
    return StoredModel(folder, weights, run, read_record(folder / "model.json", ModelRecord), None)


def stored_model(study: StudyFolder, run: RunRecord, data: PreparedData, registry: Registry) -> StoredModel:
    """The trained network of a run of a study; of a run of an earlier version by what the study has on record.

    Raises:
        BenchError: If the run has no weights, or a plugin is missing.
    """
    folder, name = study.run_folder(run), f"{run.study}/{run.name}"
    if (weights := weights_file(folder)) is None:
        raise no_weights(name)
    if (folder / "model.json").is_file():
        record = read_record(folder / "model.json", ModelRecord).model_copy(update={"spec": run.spec})
        return StoredModel(folder, weights, run, record, study)
    versions = {} if run.result.hardware is None else run.result.hardware.versions
    require_plugins(run.spec, versions, name, registry)
    from bench.trial.model_records import model_record  # which imports torch

    return StoredModel(
        folder, weights, run, model_record(run.spec, data.of_fold(run.spec.fold), registry, versions), study
    )


def data_of(study: StudyFolder, run: RunRecord) -> PreparedData:
    """The data of a run, divided as its outer fold."""
    return (study.reproduction() if study.is_reproduction() else study.record()).data.of_fold(run.spec.fold)


def require_plugins(spec: TrialSpec, versions: Mapping[str, str], name: str, registry: Registry) -> None:
    """Raises BenchError if a plugin is missing that was a class of the script which trained the run called `name`."""
    missing = registry.lacks(*spec.plugins().items())
    if missing and CALLER in versions:
        raise BenchError(
            f"{', '.join(missing)} of {name} is a class of the script that trained it: give it, plugins=[...]"
        )


def no_weights(name: str) -> BenchError:
    """The error of a run that kept none."""
    return BenchError(f"{name} has no weights: only finals and reproductions keep them, name one")


def _is_in_a_study(folder: Path) -> bool:
    return any((folder.absolute().parent / name).is_file() for name in ("study.json", "reproduction.json"))
