"""Everything about a data set that a user should know before trusting a number: found in one pass over its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.data.decoding import LONGEST_SECONDS, DecodedClip, decode_clips
from bench.data.download import obtain
from bench.data.leakage import contradictions, leaks
from bench.data.twins import Twins, find_twins
from bench.errors import BenchError
from bench.plugins import Clip, Dataset


@dataclass(frozen=True)
class DatasetCheck:
    """What was found in a data set."""

    dataset: str
    labels: tuple[str, ...]
    clips: tuple[DecodedClip, ...]
    """All clips whose files were opened, without their samples and fingerprints."""
    missing: tuple[str, ...]
    """Files that the data set's lists name and that are not there."""
    notes: tuple[str, ...]
    """What the data set says of itself."""
    twins: Twins

    @property
    def usable(self) -> tuple[Clip, ...]:
        """The clips that could be decoded and have sound in them, or should have none."""
        return tuple(decoded.clip for decoded in self.clips if decoded.problem is None and not decoded.silent_piece)

    def contradictions(self) -> tuple[str, ...]:
        """Pairs of clips with one sound under two labels: `a.wav (cat) and b.wav (dog)`."""
        return contradictions({clip.id: clip.label for clip in self.usable}, self.twins)

    def leaks(self) -> tuple[str, ...]:
        """A note for every way in which the training clips give away clips of other splits."""
        return leaks([clip for clip in self.usable if not clip.silent], self.twins)


def check_dataset_audio(dataset: Dataset, *, data_dir: Path, progress: Callable[[str, int, int], None]) -> DatasetCheck:
    """Opens every file of a data set once, and looks for twins. Nothing is written.

    Args:
        dataset: The data set.
        data_dir: Folder of all data sets.
        progress: Called with the name of the step, how much of it is done, and how much there is.

    Raises:
        BenchError: The data set is not there.
    """
    root = obtain(dataset, data_dir, lambda done, total: progress(f"making {dataset.name}", done, total))
    listing = dataset.clips(root)
    if not listing.clips:
        raise BenchError(f"data set {dataset.name} lists no clips in {root}: is that the right folder?")
    present = {path for path in {clip.path for clip in listing.clips} if (root / path).is_file()}
    clips = sorted((clip for clip in listing.clips if clip.path in present), key=lambda clip: (clip.path, clip.start))
    done = list(
        decode_clips(
            root,
            clips,
            sample_rates=(),
            seconds=dataset.seconds() or LONGEST_SECONDS,
            cut=dataset.cuts_recordings(),
            progress=lambda done, total: progress("decoding", done, total),
        )
    )
    prints = [decoded.fingerprint for decoded in done if decoded.fingerprint is not None and not decoded.silent_piece]
    return DatasetCheck(
        dataset=dataset.name,
        labels=dataset.labels(),
        clips=tuple(replace(decoded, fingerprint=None) for decoded in done),
        missing=(*listing.missing, *sorted({clip.path for clip in listing.clips} - present)),
        notes=listing.notes,
        twins=_across_recordings(
            find_twins(prints, progress=lambda done, total: progress("comparing clips", done, total)), done
        ),
    )


def _across_recordings(twins: Twins, clips: Sequence[DecodedClip]) -> Twins:
    """Leaves out twins within one file and group, which say nothing new: stretches of one sustained note, say."""
    origin = {decoded.clip.id: (decoded.clip.path, decoded.clip.group) for decoded in clips}
    return Twins(tuple(pair for pair in twins.pairs if origin[pair.first] != origin[pair.second]))
