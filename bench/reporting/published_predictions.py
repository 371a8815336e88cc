"""The per-clip predictions of a page's runs in one compressed file, from which the page's figures can be recomputed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from bench.errors import BenchError
from bench.evaluation.predictions import Predictions
from bench.plugins import Split
from bench.reporting.leaderboard_records import Leaderboard

PUBLISHED_SPLITS: tuple[Split, ...] = ("validation", "test")


class PublishedPredictions(Mapping[tuple[str, Split], Predictions]):
    """Predictions by run (`STUDY/final-1-seed-0`) and split.

    The file holds the clips' names, groups and true classes once for all runs that were tested on them, and probabilities as
    the float32 that the figures were computed from, so that they come out to the last digit. It is read without unpickling.
    """

    def __init__(self, predictions: Mapping[tuple[str, Split], Predictions]) -> None:
        self._predictions = dict(predictions)

    def __getitem__(self, key: tuple[str, Split]) -> Predictions:
        run, split = key
        if key not in self._predictions:
            raise BenchError(f"no predictions of {run} on the {split} split are published")
        return self._predictions[key]

    def __iter__(self) -> Iterator[tuple[str, Split]]:
        return iter(self._predictions)

    def __len__(self) -> int:
        return len(self._predictions)

    @classmethod
    def of(cls, leaderboard: Leaderboard, results: Path) -> PublishedPredictions:
        """Reads the predictions of all runs of a leaderboard from a results folder. Raises BenchError if one is missing."""
        return cls(
            {
                (run.run, split): Predictions.load(results / run.run / f"{split}.npz")
                for row in leaderboard.rows()
                for run in row.runs
                for split in PUBLISHED_SPLITS
            }
        )

    def to_bytes(self) -> bytes:
        """Returns the content of the file, which is the same for the same predictions."""
        arrays: dict[str, np.ndarray] = {}
        clips: dict[str, int] = {}
        table = []
        for number, ((run, split), predictions) in enumerate(sorted(self._predictions.items())):
            of_clips = {
                "labels": np.array(predictions.labels, dtype=np.str_),
                "ids": np.array(predictions.ids, dtype=np.str_),
                "groups": np.array(predictions.groups, dtype=np.str_),
                "targets": predictions.targets.astype(np.int16),
            }
            key = hashlib.sha256(b"".join(value.tobytes() for value in of_clips.values())).hexdigest()
            if key not in clips:
                clips[key] = len(clips)
                arrays |= {f"{name}_{clips[key]}": value for name, value in of_clips.items()}
            arrays[f"probabilities_{number}"] = predictions.probabilities.astype(np.float32)
            table.append((run, split, str(clips[key])))
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, runs=np.array(table, dtype=np.str_), **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, *, name: str) -> PublishedPredictions:
        """Reads a file of `to_bytes`. Raises BenchError, in which `name` stands for the file, if it is damaged."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                table = [(str(run), str(split), int(clips)) for run, split, clips in arrays["runs"]]
                return cls(
                    {
                        (run, _split(split)): _checked(
                            Predictions(
                                labels=tuple(arrays[f"labels_{clips}"].tolist()),
                                ids=tuple(arrays[f"ids_{clips}"].tolist()),
                                groups=tuple(arrays[f"groups_{clips}"].tolist()),
                                targets=arrays[f"targets_{clips}"].astype(np.int64),
                                probabilities=arrays[f"probabilities_{number}"],
                            )
                        )
                        for number, (run, split, clips) in enumerate(table)
                    }
                )
        except Exception as error:  # zipfile, zlib and numpy each raise exceptions of their own
            raise BenchError(
                f"predictions {name} cannot be read ({error}): restore the file, or publish again"
            ) from None


def _split(text: str) -> Split:
    return next(split for split in PUBLISHED_SPLITS if split == text)


def _checked(predictions: Predictions) -> Predictions:
    """The predictions as they are. Raises ValueError if their arrays do not go together."""
    predictions.check()
    return predictions
