"""From a data set's folder to decoded clips: `prepare` once, in the head process; `load_split` in every worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.data_issues import judge
from bench.data.decoding import LONGEST_SECONDS, DecodedClip, decode_clips, decode_noise, longest_seconds
from bench.data.download import obtain
from bench.data.folders import building, discard, mark_used
from bench.data.leakage import ClipDigest, clips_of, leaks
from bench.data.prepared import ClipSet, PreparedData
from bench.data.source import Source, check_classes, count_supports, look
from bench.data.waveform_cache import NOISE, CacheWriter, Corrupt, DataIssue, Metadata, map_samples, read_index, verify
from bench.errors import BenchError
from bench.files import cannot_write
from bench.plugins import Clip, Dataset, Split
from bench.plugins.contracts import SPLITS

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def prepare(
    dataset: Dataset,
    *,
    data_dir: Path,
    cache_dir: Path,
    sample_rates: Sequence[int],
    max_unusable: float = 0.05,
    progress: Progress | None = None,
) -> PreparedData:
    """Decodes a data set at each rate, or takes what was decoded before, every byte of which is checked.

    Clips that cannot be read, and files that are missing, are left out and named in the notes. `max_unusable` is the share
    of all clips (0 to 1) that may be left out or be silent or very short.
    Raises BenchError where the data set is not there, where too many of its clips cannot be used, and where a class or the
    validation split is left without clips.
    """
    report = progress if progress is not None else lambda what, done, total: None
    cache_dir = cache_dir.resolve()  # workers may run elsewhere
    root = obtain(dataset, data_dir, lambda done, total: report(f"making {dataset.name}", done, total))
    labels, listing = dataset.labels(), dataset.clips(root)
    source = look(dataset, root, labels, listing)
    folders = {rate: cache_dir / f"{dataset.name}-{source.key}-{rate}" for rate in sample_rates}
    facts, corrupt_notes = _decoded(source, folders, report)
    list_file = cache_dir / f"{dataset.name}-{source.key}.unusable.txt"
    issue_notes = judge(source, facts.issues, max_unusable, list_file)
    check_classes(dataset.name, labels, facts.supports)
    return PreparedData(
        dataset=dataset.config(),
        revision=facts.revision,
        labels=facts.labels,
        seconds=facts.seconds,
        supports=facts.supports,
        grouped=facts.grouped,
        caches=folders,
        notes=(*listing.notes, *issue_notes, *facts.notes, *corrupt_notes),
    )


def load_split(prepared: PreparedData, split: Split, *, sample_rate: int) -> ClipSet:
    """The clips of a split; their samples are mapped, not read.

    Raises BenchError where the split is not in the holder's hands, and where the cache is not there or not whole.
    """
    if split not in prepared.splits:
        raise BenchError(f"the {split} split is out of reach here: only the finals read it")
    folder = _cache_folder(prepared, sample_rate)
    file = folder / f"{split}.npy"
    try:
        index = read_index(folder, split)
        samples = map_samples(file)
    except (OSError, ValueError) as error:
        raise _gone(prepared, folder) from error
    if samples.shape != (prepared.clips(split), round(prepared.seconds * sample_rate)):
        raise _gone(prepared, folder)
    targets = np.array(index["targets"], dtype=np.int64)
    lengths = np.array(index["lengths"], dtype=np.int64)
    return ClipSet(sample_rate, tuple(index["ids"]), tuple(index["groups"]), targets, samples, lengths, file)


def load_noise(prepared: PreparedData, *, sample_rate: int) -> NDArray[np.int16] | None:
    """The data set's background noise, [samples]; None where it has none. Raises BenchError where the cache is gone."""
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


def _decoded(source: Source, folders: Mapping[int, Path], report: Progress) -> tuple[Metadata, tuple[str, ...]]:
    """The facts of whole caches at every rate, made where they are missing or torn. Second, a note for each torn one."""
    known: dict[int, Metadata] = {}
    notes = []
    for place, (rate, folder) in enumerate(folders.items()):
        report("checking decoded audio", place, len(folders))
        try:
            facts = verify(folder)
        except Corrupt as torn:
            # Without the folder: notes are published with the study's page.
            notes.append(f"the decoded audio at {rate:,} Hz was damaged ({torn}): it was made again")
            discard(folder)
            facts = None
        if facts is not None:
            known[rate] = facts
            mark_used(folder)
    wanted = {rate: folder for rate, folder in folders.items() if rate not in known}
    if wanted:
        made = _build(source, wanted, report)
        if any(facts != made for facts in known.values()):  # a file has changed without changing its date
            for rate in known:
                discard(folders[rate])
            made = _build(source, folders, report)
        return made, tuple(notes)
    return next(iter(known.values())), tuple(notes)


def _build(source: Source, folders: Mapping[int, Path], report: Progress) -> Metadata:
    """Decodes every file once and writes the caches of all rates."""
    seconds, notes = clip_length(source.dataset, source.root, source.clips)
    clips = decode_clips(
        source.root,
        source.clips,
        sample_rates=tuple(folders),
        seconds=seconds,
        cut=source.dataset.cuts_recordings(),
        progress=lambda done, total: report("decoding", done, total),
    )
    target = {label: place for place, label in enumerate(source.labels)}
    seen: list[DecodedClip] = []
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
                        samples, id=clip.id, group=clip.group or "", target=target[clip.label]
                    )
                seen.append(replace(decoded, samples={}))
            for rate, writer in writers.items():
                noise, noise_notes = decode_noise(source.root, source.dataset.noise_folder, rate)
                if noise is not None:
                    writer.add_noise(noise)
            facts = _facts(source, seen, seconds, (*notes, *noise_notes))
            for writer in writers.values():
                writer.close(facts)
    except OSError as error:
        raise cannot_write(next(iter(folders.values())), error) from error
    return facts


def clip_length(dataset: Dataset, root: Path, clips: Sequence[Clip]) -> tuple[float, tuple[str, ...]]:
    """The data set's clip length in seconds, or else the longest clip's, within reason. Second, a note where that cuts."""
    given = dataset.seconds()
    if given is not None:
        return given, ()
    longest = longest_seconds(root, clips)
    if longest <= LONGEST_SECONDS:
        return longest or 1.0, ()
    return LONGEST_SECONDS, (
        f"clip length {LONGEST_SECONDS:g} s, the most where the data set names none: the longest clip lasts {longest:g} s",
    )


def _facts(source: Source, seen: Sequence[DecodedClip], seconds: float, notes: tuple[str, ...]) -> Metadata:
    usable = [decoded for decoded in seen if decoded.problem is None and not decoded.silent_piece]
    heard = [ClipDigest(decoded.clip, decoded.content) for decoded in usable]
    return Metadata(
        revision=_revision(usable),
        labels=source.labels,
        seconds=seconds,
        supports=count_supports(source.labels, (decoded.clip for decoded in usable)),
        grouped={
            split: all(decoded.clip.group is not None for decoded in usable if decoded.clip.split == split)
            for split in SPLITS
        },
        issues=tuple(
            DataIssue(
                clip=decoded.clip.id, what=decoded.problem or decoded.suspicion or "", skipped=bool(decoded.problem)
            )
            for decoded in seen
            if decoded.problem or decoded.suspicion
        ),
        notes=(*notes, *_lengths(source, seen, seconds), *leaks(heard)),
    )


def _lengths(source: Source, seen: Sequence[DecodedClip], seconds: float) -> Iterator[str]:
    """Lines on what did not fit the clip length."""
    usable = [decoded for decoded in seen if decoded.problem is None]
    if not source.dataset.cuts_recordings():
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
    """16 hex digits over what every clip holds and where it stands; independent of sample rate, file dates and place."""
    digest = hashlib.sha256()
    for decoded in usable:
        clip = decoded.clip
        digest.update(f"{decoded.content}\x1f{clip.label}\x1f{clip.split}\x1f{clip.group!r}\n".encode())
    return digest.hexdigest()[:16]
