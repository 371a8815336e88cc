"""The data that one specification runs on, decoded, and with the augmented copies that it asks for."""

from __future__ import annotations

from pathlib import Path

from bench.cli.progress import PreparationProgress
from bench.data.offline_augmentation import prepare_augmented_copies
from bench.data.preparation import prepare
from bench.data.prepared import PreparedData
from bench.files import cache_directory
from bench.plugins.registry import Registry
from bench.trial import TrialSpec
from bench.trial.short_clips import short_clip_notes


def prepare_for(found: Registry, spec: TrialSpec, *, data_dir: Path, max_unusable: float) -> PreparedData:
    """Decodes what is not decoded yet, its progress on the terminal. Raises BenchError where the data cannot serve."""
    rate = found.feature(spec.feature).sample_rate
    with PreparationProgress() as progress:
        data = prepare(
            found.dataset(spec.dataset),
            data_dir=data_dir,
            cache_dir=cache_directory(),
            sample_rates=[rate],
            max_unusable=max_unusable,
            progress=progress,
        )
        prepare_augmented_copies(data, spec.training, sample_rate=rate, progress=progress)
    return data.model_copy(update={"notes": (*data.notes, *short_clip_notes(spec, data))})
