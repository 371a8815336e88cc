"""Everything about a data set that a user should know before trusting a number: found in one pass over its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.data.chosen_classes import chosen_labels, chosen_listing
from bench.data.dataset_files import refuse_repetitions
from bench.data.decoding import LONGEST_SECONDS, DecodedClip, decode_clips, high_sounds
from bench.data.division import DIVIDED, division_of
from bench.data.download import obtain
from bench.data.leakage import ListedClip, alike_groups, contradictions, leaks
from bench.data.outer_folds import DividedClips, divide, whole_units
from bench.data.prepared import Division
from bench.data.recordings import groups_by_sound, twins_among
from bench.data.sound_levels import change_notes, high_notes
from bench.data.twins import Twins
from bench.errors import BenchError
from bench.plugins import Clip, Dataset
from bench.plugins.contracts import SPLITS

CHECKED_RATES = (8000, 16000, 22050)
"""Sample rates in Hz, those that features have, at which it is said that a sound would be lost."""


@dataclass(frozen=True)
class DatasetCheck:
    """What was found in a data set. No clip has samples or a fingerprint."""

    dataset: str
    labels: tuple[str, ...]
    group_noun: str
    """What the groups are, in the plural: speakers, recordings."""
    used: tuple[DecodedClip, ...]
    """The clips that could be decoded and have sound in them, or should have none, with the group and split that a study
    gives them."""
    left_out: tuple[DecodedClip, ...]
    """The other clips whose files are there."""
    missing: tuple[str, ...]
    """Files that the data set's lists name and that are not there."""
    notes: tuple[str, ...]
    """What the data set says of itself, and why it cannot be cut into splits, if so."""
    twins: Twins

    @property
    def clips(self) -> tuple[DecodedClip, ...]:
        """All clips whose files are there."""
        return self.used + self.left_out

    @property
    def usable(self) -> tuple[Clip, ...]:
        """The clips that are used, as the data set lists them."""
        return tuple(decoded.clip for decoded in self.used)

    @property
    def files(self) -> int:
        """Number of files that the clips in use are in."""
        return len({clip.path for clip in self.usable})

    @property
    def recordings(self) -> int:
        """Number of recordings that these files hold, as far as their sound tells."""
        return len(set(whole_units([clip.path for clip in self.usable], _families(self.used, self.twins))))

    def contradictions(self) -> tuple[str, ...]:
        """Pairs of clips with one sound under two labels: `a.wav (cat) and b.wav (dog)`."""
        return contradictions(self.usable, self.twins)

    def leaks(self) -> tuple[str, ...]:
        """A note for every way in which the training clips give away clips of other splits."""
        listed = [
            ListedClip(
                id=decoded.clip.id,
                label=decoded.clip.label,
                split=decoded.clip.split,
                group=decoded.clip.group or "",
                silent=decoded.clip.silent or decoded.suspicion == "silent",
                seconds=decoded.seconds,
            )
            for decoded in self.used
        ]
        return (*leaks(listed, self.twins), *alike_groups(clip.group for clip in listed))


def check_dataset_audio(dataset: Dataset, *, data_dir: Path, progress: Callable[[str, int, int], None]) -> DatasetCheck:
    """Opens every file of a data set once, looks for twins, and cuts the splits that are missing. Nothing is written.

    Args:
        dataset: The data set.
        data_dir: Folder of all data sets.
        progress: Called with the name of the step, how much of it is done, and how much there is.

    Raises:
        BenchError: The data set is not there, or lists a clip twice.
    """
    root = obtain(dataset, data_dir, lambda done, total: progress(f"making {dataset.name}", done, total))
    labels, listing = chosen_labels(dataset), chosen_listing(dataset, root)
    if not listing.clips:
        raise BenchError(f"data set {dataset.name} lists no clips in {root}: is that the right folder?")
    refuse_repetitions(dataset.name, listing.clips)
    present = {path for path in {clip.path for clip in listing.clips} if (root / path).exists()}
    clips = sorted((clip for clip in listing.clips if clip.path in present), key=lambda clip: (clip.path, clip.start))
    decoded = list(
        decode_clips(
            root,
            clips,
            sample_rates=(),
            seconds=dataset.seconds() or LONGEST_SECONDS,
            cut=dataset.cuts_recordings(),
            progress=lambda done, total: progress("decoding", done, total),
        )
    )
    twins = twins_among(decoded, lambda done, total: progress("looking for copies", done, total))
    opened = [replace(one, fingerprint=None) for one in decoded]
    left_out = [one for one in opened if one.problem is not None or one.silent_piece]
    used = _grouped([one for one in opened if one.problem is None and not one.silent_piece], twins)
    used, notes = _cut(dataset.name, used, twins, division_of(listing, "official"))
    return DatasetCheck(
        dataset=dataset.name,
        labels=labels,
        group_noun=dataset.group_noun,
        used=tuple(used),
        left_out=tuple(left_out),
        missing=(*listing.missing, *sorted({clip.path for clip in listing.clips} - present)),
        notes=(
            *listing.notes,
            *change_notes([(one.clip.id, one.changes) for one in used]),
            *high_notes(high_sounds(used), CHECKED_RATES, len(used)),
            *notes,
        ),
        twins=twins,
    )


def _families(clips: Sequence[DecodedClip], twins: Twins) -> list[str]:
    """Name that copies of one recording share, by clip, empty for a clip without copies."""
    names = twins.names()
    return [names.get(decoded.clip.id, "") for decoded in clips]


def _grouped(clips: Sequence[DecodedClip], twins: Twins) -> list[DecodedClip]:
    """Gives clips the groups that a study gives them, see `groups_by_sound`."""
    groups = groups_by_sound([decoded.clip.group or "" for decoded in clips], _families(clips, twins))
    return [
        replace(decoded, clip=replace(decoded.clip, group=group or None))
        for decoded, group in zip(clips, groups, strict=True)
    ]


def _cut(
    dataset: str, clips: list[DecodedClip], twins: Twins, division: Division | None
) -> tuple[list[DecodedClip], tuple[str, ...]]:
    """Gives clips the splits that a study gives them, or says why they cannot be cut."""
    if division is None:
        return clips, ()
    training = [decoded for decoded in clips if decoded.clip.split == DIVIDED]
    columns = DividedClips(
        dataset=dataset,
        ids=[decoded.clip.id for decoded in training],
        labels=[decoded.clip.label for decoded in training],
        groups=[decoded.clip.group or "" for decoded in training],
        families=_families(training, twins),
        folds=[decoded.clip.fold or "" for decoded in training],
    )
    try:
        (fold,) = divide(columns, division)
    except BenchError as error:
        return clips, (str(error),)
    split_of = {id: SPLITS[code] for id, code in zip(columns.ids, fold.codes.tolist(), strict=True)}
    return [
        replace(decoded, clip=replace(decoded.clip, split=split_of.get(decoded.clip.id, decoded.clip.split)))
        for decoded in clips
    ], ()
