"""Real clips for figures: chosen, read from the decoded data, and taken through a front end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.prepared import ClipSet, PreparedData
from bench.errors import BenchError, did_you_mean
from bench.plugins import Feature, Split
from bench.reporting.figures import Example

MOST_EXAMPLES = 8


@dataclass(frozen=True)
class ChosenClip:
    """One decoded clip."""

    id: str
    target: int
    samples: NDArray[np.int16]
    """[samples], padding included."""
    length: int
    """Samples before padding."""


def is_decoded(data: PreparedData, sample_rate: int) -> bool:
    """Whether the decoded clips at this rate are on this machine."""
    folder: Path | None = data.caches.get(sample_rate)
    return folder is not None and (folder / "manifest.json").is_file()


def clips_of_classes(
    data: PreparedData, split: Split, *, sample_rate: int, each: int = 1, classes: int | None = None
) -> list[ChosenClip]:
    """The first clips of every class, so many of `each`; of at most so many `classes` that have any, at even distances."""
    clips = _split(data, split, sample_rate)
    present = np.unique(clips.targets)
    if classes is not None and len(present) > classes:
        present = present[np.linspace(0, len(present) - 1, classes).round().astype(int)]
    return [_clip(clips, place) for target in present for place in np.flatnonzero(clips.targets == target)[:each]]


def clips_by_id(data: PreparedData, ids: Sequence[str], *, sample_rate: int) -> list[ChosenClip]:
    """The named clips, whatever their split. Raises BenchError where there is none of a name."""
    found: dict[str, ChosenClip] = {}
    known: list[str] = []
    for split in data.splits:
        clips = _split(data, split, sample_rate)
        places = {id_: place for place, id_ in enumerate(clips.ids)}
        found |= {id_: _clip(clips, places[id_]) for id_ in ids if id_ in places}
        known += clips.ids
    for id_ in ids:
        if id_ not in found:
            raise BenchError(f"no clip {id_!r} in {data.dataset.name}: {did_you_mean(id_, known)}")
    return [found[id_] for id_ in ids]


def examples(data: PreparedData, clips: Sequence[ChosenClip], feature: Feature) -> list[Example]:
    """The clips with what a feature makes of each one's own samples."""
    import torch

    module = feature.build().eval()
    shown = []
    for clip in clips:
        waveform = clip.samples[: clip.length or len(clip.samples)].astype(np.float32) / 32768.0
        with torch.no_grad():
            values = module(torch.from_numpy(waveform)[None])[0].numpy()
        shown.append(Example(clip.id, data.labels[clip.target], waveform, feature.sample_rate, values))
    return shown


def _split(data: PreparedData, split: Split, sample_rate: int) -> ClipSet:
    from bench.data.preparation import load_split

    return load_split(data, split, sample_rate=sample_rate)


def _clip(clips: ClipSet, place: int) -> ChosenClip:
    return ChosenClip(clips.ids[place], int(clips.targets[place]), clips.samples[place], int(clips.lengths[place]))
