"""What an exported file says of itself: labels, rate, licence, figures, and where it is from."""

from __future__ import annotations

import json
from dataclasses import dataclass

from bench.errors import BenchError
from bench.evaluation.interval import Interval
from bench.plugins.references import dataset_reference
from bench.plugins.registry import Registry
from bench.reporting.build_leaderboard import leaderboard_of
from bench.results.stored_model import StoredModel


@dataclass(frozen=True)
class RecordedFigures:
    """What a network has on record.

    Attributes:
        scores: Every score by its name, as `test_accuracy`: the mean over the seeds of its row, or else its own.
        seeds: Number of seeds.
        clips: Number of test clips.
        interval: Of the score that ranks, on the test split.
        row: Id of the row; empty if the study is not at hand.
    """

    scores: dict[str, float]
    seeds: int
    clips: int
    interval: Interval | None = None
    row: str = ""


def figures_of(stored: StoredModel, registry: Registry) -> RecordedFigures:
    """The figures of a network's row, or of its run alone where the study is not at hand or has no row of it."""
    run = stored.run
    splits = {"validation": run.result.validation, "test": run.result.test}
    own = {
        f"{split}_{name}": value
        for split, scores in splits.items()
        if scores is not None
        for name, value in scores.figures().items()
    }
    clips = 0 if run.result.test is None else run.result.test.clips
    if stored.study is None or stored.study.is_reproduction():
        return RecordedFigures(own, 1, clips)
    record = stored.study.record()
    try:
        rows = leaderboard_of([(stored.study, record)], dataset_reference(registry, record.dataset), registry=registry)
        row = next(row for row in rows.rows() if stored.name in (seed.run for seed in row.runs))
    except (BenchError, KeyError, StopIteration):  # no final is complete, or the data set is not installed
        return RecordedFigures(own, 1, clips)
    means = {f"{split}_{name}": of.mean for split in ("validation", "test") for name, of in getattr(row, split).items()}
    return RecordedFigures(means, row.test[row.metric].n, clips, row.test_interval, row.id)


def metadata(stored: StoredModel, figures: RecordedFigures, *, fixed: str) -> dict[str, str]:
    """Names and texts that go into the file; lists and tables are JSON.

    Args:
        stored: The network.
        figures: What it has on record.
        fixed: Why it takes waveforms of one length alone; empty if it takes any.
    """
    record, spec = stored.record, stored.record.spec
    return {
        "labels": json.dumps(record.labels, ensure_ascii=False),
        "sample_rate": str(record.sample_rate),
        "samples": str(record.samples),
        "any_length": "no" if fixed else "yes",
        "segments": "no" if spec.training.segment_seconds is None else "yes",
        "segment_peak": str(spec.training.segment_peak),
        "lengths": spec.training.lengths,
        "clip_seconds": f"{record.seconds:.12g}",
        "run": stored.name,
        "row": figures.row,
        "feature": spec.feature.model_dump_json(),
        "model": spec.model.model_dump_json(),
        "dataset": spec.dataset.name,
        "revision": spec.revision,
        "source": record.source,
        "licence": record.licence,
        "figures": json.dumps({**figures.scores, "seeds": figures.seeds, "test_clips": figures.clips}),
        "versions": json.dumps(record.versions),
    }
