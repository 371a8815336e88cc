"""A study and its runs as a user holds them: read from the results folder, which also works while the study runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api.calling import keywords_in_errors
from bench.api.plugins import with_classes
from bench.errors import BenchError
from bench.files import data_directory
from bench.options import RunOptions
from bench.plugins import Split
from bench.plugins.contracts import Plugin
from bench.plugins.references import dataset_reference, located_at
from bench.plugins.registry import Registry
from bench.results.stored_model import data_of, stored_model
from bench.results.study_folder import StudyFolder, find_run, located, open_study
from bench.results.study_records import RunRecord

if TYPE_CHECKING:
    import pandas as pd

    from bench.api.trained_model import TrainedModel
    from bench.evaluation.metrics import Scores
    from bench.reporting.leaderboard_records import Leaderboard


class Study:
    """A study in a results folder. Every call reads what is there at the time."""

    def __init__(self, folder: StudyFolder, *, registry: Registry) -> None:
        self._folder = folder
        self._registry = registry

    @property
    def name(self) -> str:
        """The study's name, which is that of its folder."""
        return self._folder.name

    @property
    def folder(self) -> Path:
        """The folder that holds all of the study."""
        return self._folder.folder

    @property
    def options(self) -> RunOptions:
        """What was asked for, with the names of the features and models that fit."""
        return self._folder.record().options

    @property
    def data_folder(self) -> Path:
        """The folder of the data set's files, to which the clips' ids are relative."""
        record = self._folder.record()
        config = located_at(self._registry, record.dataset, record.location) if record.location else record.dataset
        return self._registry.dataset(config).root(data_directory(record.options.data_dir))

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines about the data that a person should read."""
        return self._folder.record().data.notes

    @property
    def trials(self) -> list[Run]:
        """Trials that have ended, by number."""
        return [self._run(record) for record in self._folder.trials()]

    @property
    def finals(self) -> list[Run]:
        """Retrained and tested configurations, by rank and seed."""
        return [self._run(record) for record in self._folder.finals()]

    @property
    def best(self) -> Run:
        """The median of the seeds, by test score, of the configuration whose finals are best on validation.

        Without finals it is the best trial.

        Raises:
            BenchError: If no run is complete yet.
        """
        return self._run(find_run(self.folder.parent, self.name)[1])

    def trials_dataframe(self) -> pd.DataFrame:
        """All trials that have ended, as a table.

        Returns:
            One row a trial, indexed by `number`, with the columns of `Run.summary`; parameters that a trial does not
            have are missing values.
        """
        return _dataframe(self.trials).set_index("number")

    def finals_dataframe(self) -> pd.DataFrame:
        """All finals that have ended, as a table with one row a seed; the columns are those of `Run.summary`."""
        return _dataframe(self.finals).set_index("name")

    def leaderboard(self) -> Leaderboard:
        """The study's finals as a leaderboard: `.to_dataframe()` makes a table of it.

        Raises:
            BenchError: If no final has finished yet.
        """
        from bench.reporting.build_leaderboard import leaderboard_of

        record = self._folder.record()
        dataset = dataset_reference(self._registry, record.dataset)
        return leaderboard_of([(self._folder, record)], dataset, registry=self._registry)

    def __repr__(self) -> str:
        ended, wanted = sum(run.status != "lost" for run in self.trials), self._folder.record().trials
        return f"<Study {self.name}: {ended} of {wanted} trials, {len(self.finals)} finals, at {self.folder}>"

    def _run(self, record: RunRecord) -> Run:
        return Run(self._folder, record, registry=self._registry)


class Run:
    """A trial, a final or a reproduction that has ended."""

    def __init__(self, folder: StudyFolder, record: RunRecord, *, registry: Registry) -> None:
        self._study_folder = folder
        self._registry = registry
        self.record = record
        """All that is on record: specification, result, times."""

    @property
    def name(self) -> str:
        """The run's name in its study: `trial-0007`, `final-1-seed-0`."""
        return self.record.name

    @property
    def folder(self) -> Path:
        """The folder that holds the run's record, predictions, weights and report."""
        return self._study_folder.run_folder(self.record)

    @property
    def status(self) -> str:
        """How the run ended: complete, pruned, infeasible, out-of-memory, diverged, timed-out, failed or lost."""
        return self.record.result.status

    @property
    def reason(self) -> str:
        """One line on why it ended so; empty if it is complete."""
        return self.record.result.reason

    @property
    def validation(self) -> Scores | None:
        """Scores of the validation split."""
        return self.record.result.validation

    @property
    def test(self) -> Scores | None:
        """Scores of the test split; None for trials of a search."""
        return self.record.result.test

    @property
    def parameters(self) -> dict[str, Any]:
        """Every option of the configuration by dotted name: `model.width`, `feature.n_mels`, `training.epochs`."""
        spec = self.record.spec
        parts = {
            "feature": spec.feature.options,
            "model": spec.model.options,
            "training": spec.training.model_dump(mode="json"),
        }
        return {f"{part}.{name}": value for part, options in parts.items() for name, value in options.items()}

    def summary(self) -> dict[str, Any]:
        """The run as one row of a table: what it is, how it ended, its scores, times and parameters."""
        record, result = self.record, self.record.result
        row: dict[str, Any] = {
            "name": record.name,
            "number": record.number,
            "status": result.status,
            "reason": result.reason,
            "feature": record.spec.feature.name,
            "model": record.spec.model.name,
            "origin": record.origin,
            "seed": record.spec.seed,
        }
        for split, scores in (("validation", result.validation), ("test", result.test)):
            if scores is not None:
                row |= {f"{split}_{metric}": value for metric, value in scores.figures().items()}
        row |= {
            "best_epoch": result.best_epoch,
            "network_parameters": result.parameters,
            "train_seconds": result.train_seconds,
            "latency_ms": result.latency_ms,
            "peak_memory_mb": result.peak_memory_mb,
            "started": record.started,
            "finished": record.finished,
        }
        return row | self.parameters

    def epochs_dataframe(self) -> pd.DataFrame:
        """Loss and accuracy by epoch, indexed by the epoch's number from 1."""
        import pandas as pd

        return pd.DataFrame([epoch.model_dump() for epoch in self.record.result.epochs]).set_index("number")

    def predictions(self, split: Split = "validation") -> pd.DataFrame:
        """What the network said of every clip of a split.

        Args:
            split: `validation`, or `test` for finals.

        Returns:
            One row a clip, indexed by the clip's id, with the columns `group`, `label` (the true one), `predicted` and one
            probability a class.

        Raises:
            BenchError: If the run has no predictions of that split.
        """
        import pandas as pd

        if split not in ("validation", "test") or not (self.folder / f"{split}.npz").is_file():
            raise BenchError(
                f"{self.record.study}/{self.name} has no predictions of {split!r}: complete runs have those of validation, "
                "and finals those of test, which no trial of a search sees"
            )
        stored = self._study_folder.predictions(self.record, split)
        labels = pd.Index(stored.labels)
        known = pd.DataFrame(
            {"group": stored.groups, "label": labels[stored.targets], "predicted": labels[stored.predicted]},
            index=pd.Index(stored.ids, name="clip"),
        )
        return known.join(pd.DataFrame(stored.probabilities, index=known.index, columns=labels))

    def load_model(self) -> TrainedModel:
        """The trained network with its front end, to predict with.

        Raises:
            BenchError: If the run has no weights, as trials of a search, or its plugins have changed.
        """
        from bench.api.trained_model import trained_model

        folder, run, registry = self._study_folder, self.record, self._registry
        return trained_model(stored_model(folder, run, data_of(folder, run), registry), registry)

    def __repr__(self) -> str:
        spec = self.record.spec
        return f"<Run {self.record.study}/{self.name}: {spec.model.name} on {spec.feature.name}, {self.status}>"


@keywords_in_errors()
def load_study(study: str | Path, *, plugins: Iterable[type[Plugin]] = ()) -> Study:
    """A study of the results folder, also one that is running.

    Args:
        study: Its folder, as `bench-results/recordings-1`, or its name in the results folder.
        plugins: The classes that the study was begun with beside the installed plugins; only `load_model` needs them.

    Raises:
        BenchError: If there is no such study.
    """
    return Study(open_study(*located(study)), registry=with_classes(plugins))


def _dataframe(runs: list[Run]) -> pd.DataFrame:
    import pandas as pd

    if not runs:
        return pd.DataFrame(columns=["name", "number", "status", "reason", "feature", "model"])
    return pd.DataFrame([run.summary() for run in runs])
