"""Chooses real clips for figures, reads them from the decoded data and computes their features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.prepared import ClipSet, PreparedData
from bench.errors import BenchError, did_you_mean
from bench.plugins import Feature, Split
from bench.reporting.figures import ExampleClip
from bench.reporting.row_frequencies import frequency_ticks

MAX_EXAMPLES = 8
NOT_DECODED = "the audio is no longer decoded; bench figure decodes it again"


@dataclass(frozen=True)
class ChosenClip:
    """One decoded clip that was chosen for a figure."""

    id: str
    target: int
    samples: NDArray[np.int16]
    """Samples of the clip, [samples], padding included."""
    length: int
    """Number of samples before padding."""


def is_decoded(data: PreparedData, sample_rate: int) -> bool:
    """Returns whether the decoded clips at this sample rate are on this machine."""
    folder: Path | None = data.caches.get(sample_rate)
    return folder is not None and (folder / "manifest.json").is_file()


def clips_of_classes(
    data: PreparedData, split: Split, *, sample_rate: int, per_class: int = 1, classes: int | None = None
) -> list[ChosenClip]:
    """Returns the first clips of every class that has any.

    Args:
        data: The decoded data set.
        split: The split to choose from.
        sample_rate: Sample rate of the clips, in Hz.
        per_class: Number of clips per class.
        classes: Largest number of classes, which are chosen at even distances; None for all.
    """
    clips = _split(data, split, sample_rate)
    present = np.unique(clips.targets)
    if classes is not None and len(present) > classes:
        present = present[np.linspace(0, len(present) - 1, classes).round().astype(int)]
    return [_clip(clips, index) for target in present for index in np.flatnonzero(clips.targets == target)[:per_class]]


def clips_by_id(data: PreparedData, ids: Sequence[str], *, sample_rate: int) -> list[ChosenClip]:
    """Returns the named clips of any split.

    Raises:
        BenchError: There is no clip of this name.
    """
    clips: dict[str, ChosenClip] = {}
    known_ids: list[str] = []
    for split in data.splits:
        split_clips = _split(data, split, sample_rate)
        indices = {id_: index for index, id_ in enumerate(split_clips.ids)}
        clips |= {id_: _clip(split_clips, indices[id_]) for id_ in ids if id_ in indices}
        known_ids += split_clips.ids
    for id_ in ids:
        if id_ not in clips:
            raise BenchError(f"no clip {id_!r} in {data.title}: {did_you_mean(id_, known_ids)}")
    return [clips[id_] for id_ in ids]


def examples(data: PreparedData, clips: Sequence[ChosenClip], feature: Feature) -> list[ExampleClip]:
    """Returns the clips with their features, computed from their own samples without padding."""
    import torch

    module = feature.build().eval()
    ticks = frequency_ticks(module, feature.sample_rate)
    example_clips = []
    for clip in clips:
        waveform = clip.samples[: clip.length or len(clip.samples)].astype(np.float32) / 32768.0
        with torch.no_grad():
            values = module(torch.from_numpy(waveform)[None])[0].numpy()
        label = data.labels[clip.target]
        example_clips.append(ExampleClip(clip.id, label, waveform, feature.sample_rate, values, ticks))
    return example_clips


def _split(data: PreparedData, split: Split, sample_rate: int) -> ClipSet:
    from bench.data.preparation import load_split

    return load_split(data, split, sample_rate=sample_rate)


def _clip(clips: ClipSet, index: int) -> ChosenClip:
    return ChosenClip(clips.ids[index], int(clips.targets[index]), clips.waveform(index), int(clips.lengths[index]))
