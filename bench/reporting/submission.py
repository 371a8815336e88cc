"""Hands in a row: finds what was meant, and writes the one file that others verify and merge into their page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from bench.errors import BenchError, did_you_mean
from bench.plugins.references import dataset_reference
from bench.plugins.registry import Registry
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.leaderboard_records import Leaderboard, PredictionsFile, Row
from bench.reporting.merging import of_one_row
from bench.reporting.published_predictions import PublishedPredictions
from bench.reporting.published_studies import PublishedPage
from bench.reporting.publishing import dataset_file_name
from bench.reporting.submission_file import PREDICTIONS, SUBMISSION_SUFFIX, packed
from bench.results.study_folder import find_run, studies


def submitted_row(results: Path, reference: str, registry: Registry) -> PublishedPage:
    """The row that is meant, with the studies behind it and its predictions.

    Args:
        results: The results folder.
        reference: `PAGE.json:ID` for a row of a page; a row's id, or a study or run, `STUDY/final-1-seed-0`, for a row of
            the results folder.
        registry: The installed plugins.

    Raises:
        BenchError: There is no such row.
    """
    page, colon, row_id = reference.rpartition(":")
    if colon and page.endswith(".json"):
        return of_one_row(PublishedPage.read(Path(page)), row_id)
    known: list[str] = []
    for leaderboard in _leaderboards(results, reference, registry):
        rows = leaderboard.rows()
        row = next((row for row in rows if _is_meant(row, results, reference)), None)
        if row is not None:
            predictions = PublishedPredictions.of(leaderboard, results)
            return of_one_row(PublishedPage(leaderboard, predictions), row.id)
        known += [row.id for row in rows]
    if "/" in reference:
        raise BenchError(f"{reference} is of no row in {results}: a row is of finals that are complete")
    raise BenchError(f"no row or study {reference!r} in {results}: {did_you_mean(reference, known)}")


def submission(page: PublishedPage) -> bytes:
    """The content of the file in which a page of one row is handed in."""
    content = page.predictions.to_bytes()
    published = PredictionsFile(file=PREDICTIONS, sha256=hashlib.sha256(content).hexdigest())
    leaderboard = page.leaderboard.model_copy(update={"predictions": published})
    return packed(leaderboard.model_dump_json(indent=1) + "\n", content)


def submission_name(page: PublishedPage) -> str:
    """The name of that file: `fsdd-8a1c71ce.zip`."""
    leaderboard = page.leaderboard
    return f"{dataset_file_name(leaderboard.dataset)}-{leaderboard.rows()[0].id}{SUBMISSION_SUFFIX}"


def _leaderboards(results: Path, reference: str, registry: Registry) -> Iterator[Leaderboard]:
    """The leaderboards of the data set of a study that is named, or else of all data sets that have one."""
    named = reference.partition("/")[0]
    folders = studies(results)
    datasets: dict[str, None] = {}
    for study in [study for study in folders if study.name == named] or folders:
        try:
            config = study.record().dataset
        except BenchError:
            if study.name == named:
                raise
            continue
        installed = config.name in registry.datasets
        datasets[dataset_reference(registry, config) if installed else config.name] = None
    for dataset in datasets:
        try:
            yield build_leaderboard(results, dataset, registry=registry)
        except BenchError:
            if len(datasets) == 1:
                raise
            continue


def _is_meant(row: Row, results: Path, reference: str) -> bool:
    if reference == row.id:
        return True
    if not (results / reference.partition("/")[0] / "study.json").is_file():
        return False
    _, run = find_run(results, reference)
    return any(each.spec.digest() == run.spec.digest() for each in row.runs)
