"""Pages with rows of several: what a results folder has, or what others handed in, is merged into the page that is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.plugins.registry import Registry
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.commands import portable_reference
from bench.reporting.merging import comes_again, merged_pages
from bench.reporting.published_predictions import PublishedPredictions
from bench.reporting.published_studies import PublishedPage
from bench.reporting.publishing import dataset_file_name, load_published, publish
from bench.reporting.verification import read_verified


def page_of_results(
    results: Path,
    dataset: str,
    folder: Path,
    *,
    registry: Registry,
    new_section: bool = False,
    warn: Callable[[str], None] | None = None,
) -> PublishedPage:
    """The page of a data set in `folder` with the rows of a results folder merged into it.

    Args:
        results: The results folder.
        dataset: Name of the data set, or `NAME:ARGUMENT`.
        folder: Folder of the page; it need not have one yet.
        registry: The installed plugins.
        new_section: See `merged_pages`.
        warn: Called with a line for every study that is left out.

    Raises:
        BenchError: There is nothing to publish, or it does not go together with the page.
    """
    leaderboard = build_leaderboard(results, dataset, registry=registry, warn=warn)
    ours = PublishedPage(leaderboard, PublishedPredictions.of(leaderboard, results))
    path = _path(folder, leaderboard.dataset)
    if not path.exists() or comes_again(load_published(path), leaderboard):
        return ours
    return merged_pages(_read(path), ours, registry=registry, new_section=new_section)


def page_of_files(
    files: Sequence[Path], dataset: str, folder: Path, *, registry: Registry, new_section: bool = False
) -> PublishedPage:
    """The page of a data set in `folder` with submitted rows, or the rows of other pages, merged into it.

    Raises:
        BenchError: A file is of another data set, a figure in it is not what its predictions give, or it does not go
            together with the page.
    """
    dataset = portable_reference(dataset)
    path = _path(folder, dataset)
    page = _read(path) if path.exists() else None
    for file in files:
        coming = read_verified(file)
        if coming.leaderboard.dataset != dataset:
            raise BenchError(f"{file} is of data set {coming.leaderboard.dataset}, and not of {dataset}")
        page = coming if page is None else merged_pages(page, coming, registry=registry, new_section=new_section)
    if page is None:
        raise BenchError(f"there is nothing to publish of {dataset}: name a file with --add")
    return page


def publish_page(page: PublishedPage, folder: Path, *, html: bool = False) -> tuple[Path, Path]:
    """Writes a page with its predictions, see `publish`."""
    return publish(page.leaderboard, folder, predictions=page.predictions, html=html)


def _path(folder: Path, dataset: str) -> Path:
    return folder / f"{dataset_file_name(dataset)}.json"


def _read(path: Path) -> PublishedPage:
    """A page into which rows are merged. Raises BenchError if its predictions are not those that it was written with."""
    page = PublishedPage.read(path)
    if page.changed:
        raise BenchError(
            f"{page.file} is not the file that {path} was written with: restore it, or move both away and publish again"
        )
    return page
