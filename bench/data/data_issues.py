"""Defects of single clips: a few are reported in notes, too many end the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.data.dataset_files import DatasetFiles
from bench.data.leakage import clips_of
from bench.data.waveform_cache import DataIssue
from bench.errors import BenchError, first_few
from bench.files import write_atomically


def check_issues(
    files: DatasetFiles, issues: Sequence[DataIssue], max_unusable: float, list_file: Path
) -> tuple[str, ...]:
    """Writes a note for each kind of defect, and lists every affected clip in `list_file`.

    Args:
        files: The data set's files.
        issues: Defects that decoding met.
        max_unusable: Share of all clips, 0 to 1, that may be affected.
        list_file: Text file that is written, one clip a line.

    Returns:
        The notes, none if nothing is wrong.

    Raises:
        BenchError: More clips than `max_unusable` allows are affected.
    """
    missing = [f"{path} (named by the data set's list, not there)" for path in files.missing]
    skipped = [f"{issue.clip} ({issue.what})" for issue in issues if issue.skipped]
    doubtful = [f"{issue.clip} ({issue.what})" for issue in issues if not issue.skipped]
    affected = [*missing, *skipped, *doubtful]
    if not affected:
        return ()
    lines = "".join(f"{line}\n" for line in affected)
    if not (list_file.is_file() and list_file.read_text(encoding="utf-8") == lines):
        write_atomically(list_file, lines)
    total = len(files.clips) + len(missing)
    if len(affected) > max_unusable * total:
        raise BenchError(
            f"data set {files.dataset.name}: {len(affected):,} of {clips_of(total)} ({len(affected) / total:.1%}, at most "
            f"{max_unusable:.1%} may be) are missing, unusable or silent: {first_few(affected)}; "
            f"mend or remove them, or allow more by --max-unusable; all are listed in {list_file}"
        )
    kinds = {
        "missing and left out": missing,
        "unusable and left out": skipped,
        "silent or very short, and kept": doubtful,
    }
    return tuple(
        f"{clips_of(len(names))} {'is' if len(names) == 1 else 'are'} {kind}: {first_few(names)} (all: {list_file})"
        for kind, names in kinds.items()
        if names
    )
