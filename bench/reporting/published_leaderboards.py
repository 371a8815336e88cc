"""Reads a folder of published leaderboards: their JSON, and the files that were published beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.reporting.leaderboard_records import Leaderboard, Protocol, Row
from bench.reporting.publishing import load_published, search_figures


@dataclass(frozen=True)
class PublishedRow:
    """A row with the page and the protocol that it stands on."""

    page: str
    """Name of the page's files, without a suffix."""
    dataset: str
    number: int
    """Of the protocol on its page, from 1."""
    protocol: Protocol
    row: Row


@dataclass(frozen=True)
class PublishedLeaderboard:
    """A published leaderboard."""

    name: str
    """Name of its files, without a suffix: `fsdd` of `fsdd.json`."""
    leaderboard: Leaderboard
    files: tuple[Path, ...]
    """Its JSON, and of its Markdown page, predictions and figures those that are there."""

    def rows(self) -> Iterator[PublishedRow]:
        """Every row of every protocol."""
        for number, protocol in enumerate(self.leaderboard.protocols, start=1):
            for row in protocol.rows:
                yield PublishedRow(self.name, self.leaderboard.dataset, number, protocol, row)


def published_leaderboards(folder: Path) -> tuple[PublishedLeaderboard, ...]:
    """Reads all pages of a folder, in the order of their names.

    Raises:
        BenchError: The folder has no page, or one that is damaged, or whose predictions are missing or others.
    """
    pages = tuple(_page(path) for path in sorted(folder.glob("*.json")))
    if not pages:
        raise BenchError(
            f"no published leaderboard in {folder}: write one with bench leaderboard DATASET --publish {folder}"
        )
    return pages


def _page(path: Path) -> PublishedLeaderboard:
    leaderboard = load_published(path)
    beside = [path.with_suffix(".md"), *(path.with_name(name) for name in search_figures(leaderboard).values())]
    files = [path, *(file for file in beside if file.is_file())]
    if (record := leaderboard.predictions) is not None:
        predictions = path.with_name(record.file)
        if predictions.suffix != ".npz":  # a page, which a browser would open
            raise BenchError(f"{path} names {record.file} as its predictions, which are .npz files: publish again")
        try:
            same = hashlib.sha256(predictions.read_bytes()).hexdigest() == record.sha256
        except OSError as error:
            raise BenchError(
                f"{predictions}, which {path.name} names, cannot be read ({error.strerror}): restore it, or publish again"
            ) from None
        if not same:
            raise BenchError(
                f"{predictions} is not the file that {path.name} was made from: restore it, or publish again"
            )
        files.append(predictions)
    return PublishedLeaderboard(path.stem, leaderboard, tuple(files))
