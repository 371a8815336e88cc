"""A published page with the predictions beside it, read as the studies behind it: their finals, and no trials."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.prepared import FoldData, PreparedData
from bench.errors import BenchError
from bench.evaluation.predictions import Predictions
from bench.options import RunOptions
from bench.plugins import Split
from bench.reporting.leaderboard_records import NESTED, Leaderboard, Protocol, Row, SeedRun, StudySummary
from bench.reporting.published_predictions import PUBLISHED_SPLITS, PublishedPredictions
from bench.reporting.publishing import load_published, parsed
from bench.reporting.submission_file import unpacked
from bench.results.study_folder import StudyFolder
from bench.results.study_records import FINAL, RunRecord, StudyRecord
from bench.trial import TrialResult


@dataclass(frozen=True)
class PublishedPage:
    """A page's record and its predictions, as they are in files or as they will be."""

    leaderboard: Leaderboard
    predictions: PublishedPredictions
    file: Path = Path()
    """The file of predictions, or the submitted row that holds it, if it was read."""
    content: bytes = b""
    """Of the predictions, if they were read."""
    raw: bytes = b""
    """The JSON, if it was read."""

    @classmethod
    def read(cls, path: Path) -> PublishedPage:
        """Reads a page by its JSON, or a submitted row by its file.

        Raises:
            BenchError: A file is missing or cannot be read, or no predictions were published.
        """
        if path.suffix == ".md":
            raise BenchError(f"{path} is the page for people: name its JSON, {path.with_suffix('.json')}")
        if path.suffix != ".json":
            raw, content = unpacked(path)
            predictions = PublishedPredictions.from_bytes(content, name=f"in {path}")
            return cls(parsed(raw, path), predictions, path, content, raw)
        leaderboard = load_published(path)
        if leaderboard.predictions is None:
            raise BenchError(
                f"{path} has no predictions beside it: publish it again by bench leaderboard DATASET --publish"
            )
        file = path.with_name(leaderboard.predictions.file)
        content = content_of(file)
        predictions = PublishedPredictions.from_bytes(content, name=str(file))
        return cls(leaderboard, predictions, file, content, content_of(path))

    @property
    def changed(self) -> bool:
        """Whether the predictions that were read are not those that the page was written with."""
        published = self.leaderboard.predictions
        return published is None or published.sha256 != hashlib.sha256(self.content).hexdigest()

    def studies(self) -> list[tuple[PublishedStudy, StudyRecord]]:
        """Returns its studies with their records, as far as the page has them."""
        return [
            _member(study, protocol, self.predictions)
            for protocol in self.leaderboard.protocols
            for study in protocol.studies
        ]


def content_of(path: Path) -> bytes:
    """Reads a file beside a page. Raises BenchError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BenchError(f"{path} cannot be read ({error.strerror}): a page is read with what lies beside it") from None


class PublishedStudy(StudyFolder):
    """A study of a page as far as the page has it: its finals with their predictions, and no trials."""

    def __init__(self, name: str, runs: Sequence[RunRecord], predictions: PublishedPredictions) -> None:
        super().__init__(Path(name))
        self._finals = sorted(runs, key=lambda run: (run.number, run.repeat))
        self._predictions = predictions

    def trials(self, fold: str | None = None) -> list[RunRecord]:
        return []

    def finals(self) -> list[RunRecord]:
        return list(self._finals)

    def robustness(self, run: RunRecord) -> dict[str, Predictions]:
        return {}

    def predictions(self, run: RunRecord, split: Split) -> Predictions:
        return self._predictions[f"{run.study}/{run.name}", split]


def _member(
    study: StudySummary, protocol: Protocol, predictions: PublishedPredictions
) -> tuple[PublishedStudy, StudyRecord]:
    runs = [_record(run, row) for row in protocol.rows for run in row.runs if run.run.rpartition("/")[0] == study.name]
    data = PreparedData(
        dataset=protocol.dataset,
        revision=protocol.revision,
        labels=predictions[f"{study.name}/{runs[0].name}", "test"].labels if runs else protocol.labels,
        folds=tuple(
            FoldData(
                name=fold,
                seconds=protocol.seconds,
                supports=_supports(protocol, predictions),
                grouped={},
                known_groups=protocol.known_groups,
                test_twins=protocol.twins.get(fold, ()),
            )
            for fold in protocol.folds
        ),
        protocol=protocol.protocol,
        group_noun=protocol.group_noun,
        caches={},
        notes=protocol.notes,
    )
    record = StudyRecord(
        name=study.name,
        command=study.command,
        created=study.created,
        dataset=protocol.dataset,
        data=data,
        options=RunOptions(
            trials=study.trials,
            finalists=study.finalists,
            final_seeds=study.final_seeds,
            protocol=protocol.protocol,
            nested=any(run.study == study.name for run in _nested(protocol)),
        ),
        objective=protocol.objective,
        space=study.space,
        versions=study.versions,
    )
    return PublishedStudy(study.name, runs, predictions), record


def _nested(protocol: Protocol) -> Iterator[RunRecord]:
    """The runs of the nested searches of a protocol."""
    for row in protocol.rows:
        if row.origin == NESTED:
            yield from (_record(run, row) for run in row.runs)


def _record(run: SeedRun, row: Row) -> RunRecord:
    study, _, name = run.run.rpartition("/")
    named = FINAL.fullmatch(name)
    if named is None:
        raise BenchError(f"row {row.id}: {run.run} is no name of a final")
    return RunRecord(
        study=study,
        kind="final",
        number=int(named["number"]),
        repeat=int(named["repeat"]),
        started=run.finished,
        finished=run.finished,
        spec=run.spec,
        result=TrialResult(
            status="complete",
            best_epoch=run.best_epoch,
            parameters=row.parameters,
            train_seconds=run.train_seconds,
            latency_ms=run.latency_ms,
            peak_memory_mb=run.peak_memory_mb,
            hardware=run.hardware,
            load=run.load,
        ),
    )


def _supports(protocol: Protocol, predictions: PublishedPredictions) -> dict[Split, tuple[int, ...]]:
    """Clips of every class by split, of the predictions where all runs have the same clips."""
    supports = dict(protocol.supports)
    for split in PUBLISHED_SPLITS:
        counted = {
            tuple(int((each.targets == index).sum()) for index in range(len(each.labels)))
            for row in protocol.rows
            for run in row.runs
            for each in (predictions[run.run, split],)
        }
        if len(counted) == 1:
            supports[split] = counted.pop()
    return supports
