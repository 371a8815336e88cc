"""Spoken digits, built in: made on the spot by eSpeak NG, without internet access, the same bytes every time.

eSpeak NG is GPL-3.0-or-later. Audio that it gives out is not covered by its licence, and none is shipped: every user makes
the clips, which may be used freely.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from bench.plugins import BenchError, Clip, Dataset, Listing, ProgressCallback, cache_directory
from bench_plugins.speech.script import VOICES, WORDS, file_names


class SpokenDigits(Dataset):
    """2,400 clips of the ten digits, spoken by eSpeak NG in 60 voices; built in.

    40 voices are for training, 8 for validation, 12 for the test; group: the voice. Every voice says every word four times,
    each with a drawn accent, rate, pitch, level, pause before and after, and white noise. 22,050 Hz.
    """

    name: ClassVar[str] = "spoken-digits"
    folder: ClassVar[str] = "spoken-digits-v1"
    group_noun: ClassVar[str] = "voices"
    source: ClassVar[str] = "made here by eSpeak NG 1.52 (GPL-3.0-or-later; the audio is free to use)"

    def labels(self) -> tuple[str, ...]:
        return WORDS

    def root(self, data_dir: Path) -> Path:
        """Below `data_dir` if the folder is there, and else in the cache: a data folder may be read-only."""
        given = data_dir / self.folder
        return given if given.is_dir() else cache_directory() / self.folder

    def prepare(self, root: Path, progress: ProgressCallback) -> None:
        from bench_plugins.speech.synthesis import synthesise

        synthesise(root, progress)

    def clips(self, root: Path) -> Listing:
        clips = tuple(
            Clip(path.relative_to(root).as_posix(), path.name.partition("_")[0], split, group=path.parent.name)
            for split in VOICES
            for path in sorted(root.glob(f"{split}/*/*.wav"))
        )
        if not clips:
            raise BenchError(f"{root} holds no spoken digits: delete it, and it is made again")
        files = [file for file in file_names() if self.takes(file.partition("_")[0])]
        due = {f"{split}/{voice}/{file}" for split in VOICES for voice in VOICES[split] for file in files}
        return Listing(clips, missing=tuple(sorted(due.difference(clip.path for clip in clips))))
