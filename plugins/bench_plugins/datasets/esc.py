"""ESC: environmental sounds in five official folds (Piczak, 2015, https://github.com/karolpiczak/ESC-50)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from bench.plugins import Archive, BenchError, Clip, Dataset, Listing, Split

COLUMNS = ("filename", "fold", "category", "esc10", "src_file")
FOLDS = ("1", "2", "3", "4", "5")
CLIPS_PER_CLASS = 40

TEN = (
    "dog",
    "rooster",
    "rain",
    "sea_waves",
    "crackling_fire",
    "crying_baby",
    "sneezing",
    "clock_tick",
    "helicopter",
    "chainsaw",
)
FIFTY = (
    *("dog", "rooster", "pig", "cow", "frog", "cat", "hen", "insects", "sheep", "crow"),
    *("rain", "sea_waves", "crackling_fire", "crickets", "chirping_birds", "water_drops", "wind", "pouring_water"),
    *("toilet_flush", "thunderstorm", "crying_baby", "sneezing", "clapping", "breathing", "coughing", "footsteps"),
    *("laughing", "brushing_teeth", "snoring", "drinking_sipping", "door_wood_knock", "mouse_click"),
    *("keyboard_typing", "door_wood_creaks", "can_opening", "washing_machine", "vacuum_cleaner", "clock_alarm"),
    *("clock_tick", "glass_breaking", "helicopter", "chainsaw", "siren", "car_horn", "engine", "train"),
    *("church_bells", "airplane", "fireworks", "hand_saw"),
)
"""In the order of the official class numbers."""


class Esc(Dataset):
    """Five-second recordings, forty a class, in five official folds; group: the recording that a clip was cut from.

    One fold is the test split, the one before it validation, the other three train. Published figures are means over all
    five test folds, as `--protocol folds` measures them.
    """

    folder: ClassVar[str] = "ESC-50-master"
    # The last commit of the repository. GitHub's archive of it has had this checksum for many who wrote it down.
    archive: ClassVar[Archive | None] = Archive(
        url="https://github.com/karolpiczak/ESC-50/archive/33c8ce9eb2cf0b1c2f8bcf322eb349b6be34dbb6.zip",
        sha256="661183a6f53ef04f12c9bd618fed0ddc1713280d6c94a5a5431e844ba6f6a21f",
        size=645_832_161,
        strip=1,
        unpacked=890_000_000,
    )
    group_noun: ClassVar[str] = "recordings"
    source: ClassVar[str] = "Piczak, ACM Multimedia 2015; CC BY-NC 3.0; https://github.com/karolpiczak/ESC-50"
    licence: ClassVar[str] = "CC-BY-NC-3.0"
    known: ClassVar[tuple[str, ...]]

    test_fold: int = Field(5, ge=1, le=len(FOLDS))
    """The official fold that is the test split, 1 to 5."""

    def labels(self) -> tuple[str, ...]:
        return self.known

    def seconds(self) -> float | None:
        return 5.0

    def clips(self, root: Path) -> Listing:
        import pandas as pd

        path = root / "meta" / "esc50.csv"
        try:
            if not path.is_file():  # To open a FIFO waits for ever.
                raise FileNotFoundError(path)
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise BenchError(
                f"{path} cannot be read: it is part of {self.folder} and says which fold is whose"
            ) from error
        lacking = [column for column in COLUMNS if column not in table.columns]
        if lacking:
            raise BenchError(f"{path} has no column {lacking[0]!r}: is it the official one?")
        for number, fold in enumerate(table["fold"]):
            if fold not in FOLDS:  # It would count as training, without a word.
                raise BenchError(
                    f"{path}: {table['filename'][number]!r} is in fold {fold!r}, of {', '.join(FOLDS)}: "
                    "is it the official one?"
                )
        validation_fold = (self.test_fold - 2) % len(FOLDS) + 1
        split_of: dict[str, Split] = {str(self.test_fold): "test", str(validation_fold): "validation"}
        clips = tuple(
            Clip(
                f"audio/{row['filename']}",
                row["category"],
                split_of.get(row["fold"], "train"),
                group=row["src_file"],
                fold=row["fold"],
            )
            for row in table[table["category"].isin(self.known)].to_dict("records")
        )
        counts = Counter(clip.label for clip in clips)
        short = [
            f"{label} {counts[label]}" for label in self.known if self.takes(label) and counts[label] != CLIPS_PER_CLASS
        ]
        notes = (f"this copy is not the official one of {CLIPS_PER_CLASS} clips a class: {', '.join(short)}",)
        return Listing(clips, notes=notes if short else ())


class Esc50(Esc):
    """All fifty classes: 2,000 clips of five seconds in five official folds."""

    name: ClassVar[str] = "esc50"
    known: ClassVar[tuple[str, ...]] = FIFTY


class Esc10(Esc):
    """Ten of the classes: 400 clips of five seconds in five official folds."""

    name: ClassVar[str] = "esc10"
    known: ClassVar[tuple[str, ...]] = TEN
