"""Whether decoded clips are still what the files hold: the sound itself has the last word, not the files' dates."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from bench.data.dataset_files import DatasetFiles
from bench.data.decoding import decode_clips
from bench.data.waveform_cache import map_samples, read_index
from bench.plugins.contracts import SPLITS

CHECKED_FILES = 8
"""Files that are decoded again at a start, others each time, which takes some milliseconds."""
CHECKED_BYTES = 8 << 20
"""Bytes of files after which no further one is looked at."""
TOLERANCE = 2
"""Steps of 16 bits by which resampling may differ between processors."""


def still_sounds_so(files: DatasetFiles, folder: Path, sample_rate: int, seconds: float) -> bool:
    """Decodes a few files again, drawn at random, and compares them with what is in the cache.

    File systems that do not keep inodes, and backups that bring dates back, let other sound stand under old stamps.

    Args:
        files: The data set's files.
        folder: Folder of its decoded clips, complete and whole.
        sample_rate: Rate in Hz of what is there.
        seconds: Length that the clips were cut to.
    """
    paths = sorted({clip.path for clip in files.clips})
    chosen: set[str] = set()
    size = 0
    for path in random.sample(paths, min(CHECKED_FILES, len(paths))):
        if size <= CHECKED_BYTES:
            chosen.add(path)
            size += (files.root / path).stat().st_size
    again = decode_clips(
        files.root,
        [clip for clip in files.clips if clip.path in chosen],
        sample_rates=(sample_rate,),
        seconds=seconds,
        cut=files.dataset.cuts_recordings(),
        progress=lambda done, total: None,
    )
    stored = {id: (split, row) for split in SPLITS for row, id in enumerate(read_index(folder, split).ids)}
    for decoded in again:
        location = stored.get(decoded.clip.id)
        if location is None or not decoded.samples:
            if (location is None) != (not decoded.samples):
                return False
            continue
        split, row = location
        samples = decoded.samples[sample_rate]
        before = map_samples(folder / f"{split}.npy")[row][: len(samples)]
        if np.abs(before.astype(np.int32) - samples[: len(before)]).max(initial=0) > TOLERANCE:
            return False
    return True
