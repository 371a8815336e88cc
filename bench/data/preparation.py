"""From a data set's folder to decoded clips: the main process calls `prepare` once, every worker calls `load_split`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.cache_contents import remove_outdated
from bench.data.checksums import Corrupt
from bench.data.chosen_classes import chosen_labels, chosen_listing
from bench.data.data_issues import check_issues
from bench.data.dataset_files import DatasetFiles, check_files, count_supports
from bench.data.decoding import (
    LONGEST_SECONDS,
    DecodedClip,
    decode_clips,
    decode_noise,
    high_sounds,
    listed_seconds,
    rounded_up,
)
from bench.data.division import divide_files, division_of, rows_of
from bench.data.download import obtain
from bench.data.folders import building, discard, mark_used
from bench.data.leakage import clips_of, refuse_contradictions
from bench.data.prepared import ClipSet, PreparedData
from bench.data.recordings import twins_among
from bench.data.sound_levels import change_notes, high_notes
from bench.data.spot_check import still_sounds_so
from bench.data.twins import Twins
from bench.data.waveform_cache import NOISE, CacheWriter, DataIssue, Metadata, map_samples, read_index, verified
from bench.errors import BenchError
from bench.files import cannot_write
from bench.plugins import Dataset, Split
from bench.plugins.references import dataset_title

PreparationProgress = Callable[[str, int, int], None]
"""Called with the name of the step, how much of it is done, and how much there is."""


def prepare(
    dataset: Dataset,
    *,
    data_dir: Path,
    cache_dir: Path,
    sample_rates: Sequence[int],
    protocol: str = "official",
    max_unusable: float = 0.05,
    progress: PreparationProgress | None = None,
) -> PreparedData:
    """Decodes a data set at each rate, or reuses what was decoded before after checking every byte of it.

    Clips that cannot be read, and files that are missing, are left out and named in the notes.

    Args:
        dataset: The data set.
        data_dir: Folder of all data sets.
        cache_dir: Folder of the caches.
        sample_rates: Rates in Hz.
        protocol: How clips are divided into train, validation and test, see `RunOptions.protocol`.
        max_unusable: Share of all clips, 0 to 1, that may be left out or be silent or very short.
        progress: Called with the name of the step, how much of it is done, and how much there is.

    Raises:
        BenchError: The data set is missing, too many of its clips cannot be used, or a class or the validation split is
            left without clips.
    """
    report = progress if progress is not None else lambda step, done, total: None
    cache_dir = cache_dir.resolve()  # workers may run in another directory
    root = obtain(dataset, data_dir, lambda done, total: report(f"making {dataset.name}", done, total))
    labels, listing = chosen_labels(dataset), chosen_listing(dataset, root)
    division = division_of(listing, protocol)
    if protocol != "official":
        listing = replace(listing, clips=tuple(replace(clip, split="train") for clip in listing.clips))
    validated = division is None or not division.cut.validation
    files = check_files(dataset, root, labels, listing, validated=validated)
    folders = {rate: cache_dir / f"{dataset.name}-{files.key}-{rate}" for rate in sample_rates}
    metadata, corrupt_notes = _load_or_build(files, folders, report)
    list_file = cache_dir / f"{dataset.name}-{files.key}.unusable.txt"
    issue_notes = check_issues(files, metadata.issues, max_unusable, list_file)
    divided = divide_files(dataset, next(iter(folders.values())), metadata, division)
    return PreparedData(
        dataset=dataset.config(),
        named="" if (title := dataset_title(dataset)) == dataset.name else title,
        revision=divided.revision,
        labels=metadata.labels,
        folds=divided.folds,
        protocol=protocol,
        division=division,
        group_noun=dataset.group_noun,
        caches=folders,
        notes=(
            *(*listing.notes, *issue_notes, *metadata.notes),
            *high_notes(metadata.highs, sample_rates, sum(map(sum, metadata.supports.values()))),
            *(*divided.notes, *corrupt_notes),
        ),
    )


def load_split(prepared: PreparedData, split: Split, *, sample_rate: int) -> ClipSet:
    """Loads the clips of a split; their samples are mapped into memory, not read.

    Raises:
        BenchError: The split is out of reach through `prepared`, or the cache is missing or damaged.
    """
    if split not in prepared.splits:
        raise BenchError(f"the {split} split is out of reach here: only the finals read it")
    folder = _cache_folder(prepared, sample_rate)
    width = round(prepared.seconds * sample_rate)
    try:
        name, rows = rows_of(folder, prepared, split)
        index = read_index(folder, name)
        mapped = map_samples(folder / f"{name}.npy")
    except (OSError, ValueError) as error:
        raise _gone(prepared, folder) from error
    chosen = range(len(index.ids)) if rows is None else rows.tolist()
    if len(mapped) != len(index.ids) or mapped.shape[1] < width or len(chosen) != prepared.clips(split):
        raise _gone(prepared, folder)
    return ClipSet(
        sample_rate,
        ids=tuple(index.ids[row] for row in chosen),
        groups=tuple(index.groups[row] for row in chosen),
        targets=np.array([index.targets[row] for row in chosen], dtype=np.int64),
        lengths=np.array([index.lengths[row] for row in chosen], dtype=np.int64).clip(max=width),
        mapped=mapped[:, :width],
        file=folder / f"{name}.npy",
        rows=rows,
    )


def load_noise(prepared: PreparedData, *, sample_rate: int) -> NDArray[np.int16] | None:
    """Maps the data set's background noise, int16 [samples]; None if it has none. Raises BenchError if the cache is gone."""
    folder = _cache_folder(prepared, sample_rate)
    if not folder.is_dir():
        raise _gone(prepared, folder)
    try:
        return map_samples(folder / NOISE)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _gone(prepared, folder) from error


def _cache_folder(prepared: PreparedData, sample_rate: int) -> Path:
    if sample_rate not in prepared.caches:
        known = ", ".join(str(rate) for rate in sorted(prepared.caches))
        raise BenchError(
            f"{prepared.dataset.name} is not decoded at {sample_rate} Hz, only at {known}: prepare it there"
        )
    return prepared.caches[sample_rate]


def _gone(prepared: PreparedData, folder: Path) -> BenchError:
    return BenchError(
        f"the decoded audio of {prepared.dataset.name} at {folder} is gone or damaged: "
        "run the command again, and it is made anew"
    )


def _load_or_build(
    files: DatasetFiles, folders: Mapping[int, Path], report: PreparationProgress
) -> tuple[Metadata, tuple[str, ...]]:
    """Checks the caches of all rates, and builds those that are missing or corrupt; notes which ones were corrupt."""
    intact: dict[int, Metadata] = {}
    notes = []
    for index, (rate, folder) in enumerate(folders.items()):
        report("checking decoded audio", index, len(folders))
        try:
            metadata = verified(folder)
        except Corrupt as error:
            # The folder is not named, since notes are published with the study's page.
            notes.append(f"the decoded audio at {rate:,} Hz was damaged ({error}): it was made again")
            discard(folder)
            metadata = None
        if metadata is not None:
            intact[rate] = metadata
            mark_used(folder)
    for rate, metadata in [*intact.items()][:1]:
        if not still_sounds_so(files, folders[rate], rate, metadata.seconds):
            notes.append("files have changed under unchanged dates since they were decoded: they were decoded again")
            for known in intact:
                discard(folders[known])
            intact = {}
    missing = {rate: folder for rate, folder in folders.items() if rate not in intact}
    if not missing:
        return next(iter(intact.values())), tuple(notes)
    built = _build(files, missing, report)
    if any(metadata != built for metadata in intact.values()):  # a file has changed without changing its date
        for rate in intact:
            discard(folders[rate])
        built = _build(files, folders, report)
    for folder in folders.values():
        remove_outdated(folder, files.listing)
    return built, tuple(notes)


def _build(files: DatasetFiles, folders: Mapping[int, Path], report: PreparationProgress) -> Metadata:
    """Decodes every file once and writes the caches of all rates."""
    seconds = _decoded_length(files)
    clips = decode_clips(
        files.root,
        files.clips,
        sample_rates=tuple(folders),
        seconds=seconds,
        cut=files.dataset.cuts_recordings(),
        progress=lambda done, total: report("decoding", done, total),
    )
    target = {label: index for index, label in enumerate(files.labels)}
    without_samples: list[DecodedClip] = []
    try:
        with ExitStack() as stack:
            writers = {
                rate: CacheWriter(stack.enter_context(building(folder)), samples=round(seconds * rate))
                for rate, folder in folders.items()
            }
            for decoded in clips:
                for rate, samples in decoded.samples.items():
                    clip = decoded.clip
                    writers[rate].splits[clip.split].add(
                        samples,
                        id=clip.id,
                        group=clip.group or "",
                        target=target[clip.label],
                        fold=clip.fold or "",
                        seconds=decoded.seconds,
                        silent=clip.silent or decoded.suspicion == "silent",
                    )
                without_samples.append(replace(decoded, samples={}))
            for rate, writer in writers.items():
                noise, noise_notes = decode_noise(files.root, files.dataset.noise_folder, rate)
                if noise is not None:
                    writer.add_noise(noise)
            twins = twins_among(without_samples, lambda done, total: report("looking for copies", done, total))
            refuse_contradictions(files.dataset.name, [decoded.clip for decoded in without_samples], twins)
            metadata = _metadata(files, without_samples, twins, seconds, noise_notes)
            for writer in writers.values():
                writer.close(metadata, listing=files.listing)
    except OSError as error:
        raise cannot_write(next(iter(folders.values())), error) from error
    return metadata


def _decoded_length(files: DatasetFiles) -> float:
    """Length that clips are cut to when they are decoded: the data set's own, or that of the longest file, up to 30 s.

    Which of it is used is decided once it is known which clips are usable, and which are tested.
    """
    own = files.dataset.seconds()
    if own is not None:
        return own
    longest = max(listed_seconds(files.root, files.clips), default=0.0)
    return min(LONGEST_SECONDS, rounded_up(longest)) or 1.0


def _metadata(
    files: DatasetFiles, clips: Sequence[DecodedClip], twins: Twins, seconds: float, notes: tuple[str, ...]
) -> Metadata:
    usable = [decoded for decoded in clips if decoded.problem is None and not decoded.silent_piece]
    return Metadata(
        revision=_revision(usable),
        labels=files.labels,
        seconds=seconds,
        supports=count_supports(files.labels, (decoded.clip for decoded in usable)),
        issues=tuple(
            DataIssue(
                clip=decoded.clip.id, what=decoded.problem or decoded.suspicion or "", skipped=bool(decoded.problem)
            )
            for decoded in clips
            if decoded.problem or decoded.suspicion
        ),
        notes=(
            *notes,
            *change_notes([(decoded.clip.id, decoded.changes) for decoded in usable]),
            *_length_notes(files, clips, seconds),
        ),
        twins=twins,
        highs=high_sounds(usable),
    )


def _length_notes(files: DatasetFiles, clips: Sequence[DecodedClip], seconds: float) -> Iterator[str]:
    """Notes on clips that did not fit the clip length."""
    usable = [decoded for decoded in clips if decoded.problem is None]
    if files.dataset.seconds() is None:
        return  # then the length depends on which clips are tested, see `bench.data.division`
    if not files.dataset.cuts_recordings():
        longer = sum(decoded.seconds > seconds + 0.001 for decoded in usable)
        if longer:
            yield f"{clips_of(longer)} longer than {seconds:g} s {'is' if longer == 1 else 'are'} cut there"
        return
    shorter = sum(decoded.clip.end is None and decoded.seconds < seconds - 0.001 for decoded in usable)
    if shorter:
        verb = "recording is" if shorter == 1 else "recordings are"
        yield f"{shorter:,} {verb} shorter than the clips of {seconds:g} s: each is one clip, with zeros at its end"
    silent = sum(decoded.silent_piece for decoded in usable)
    if silent:
        yield f"{clips_of(silent)} cut from recordings {'is' if silent == 1 else 'are'} silent and left out"


def _revision(usable: Iterable[DecodedClip]) -> str:
    """16 hex digits over every clip's audio, label, split, group and fold; independent of rate, file dates and folder."""
    digest = hashlib.sha256()
    for decoded in usable:
        clip = decoded.clip
        parts = (decoded.digest, clip.label, clip.split, repr(clip.group), repr(clip.fold))
        digest.update(("\x1f".join(parts) + "\n").encode())
    return digest.hexdigest()[:16]
