"""What is wrong with single clips: said where it is little, an end to the run where it is much."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.data.leakage import clips_of
from bench.data.source import Source
from bench.data.waveform_cache import DataIssue
from bench.errors import BenchError, first_few
from bench.files import write_atomically


def judge(source: Source, issues: Sequence[DataIssue], max_unusable: float, list_file: Path) -> tuple[str, ...]:
    """Notes on what is wrong with the clips; all of it goes into `list_file`. Raises BenchError beyond the share allowed."""
    skipped = [f"{finding.clip} ({finding.what})" for finding in issues if finding.skipped]
    doubtful = [f"{finding.clip} ({finding.what})" for finding in issues if not finding.skipped]
    lost = [f"{path} (named by the data set's list, not there)" for path in source.missing]
    wrong = [*lost, *skipped, *doubtful]
    if not wrong:
        return ()
    content = "".join(f"{line}\n" for line in wrong)
    if not (list_file.is_file() and list_file.read_text(encoding="utf-8") == content):
        write_atomically(list_file, content)
    total = len(source.clips) + len(lost)
    if len(wrong) > max_unusable * total:
        raise BenchError(
            f"data set {source.dataset.name}: {len(wrong):,} of {clips_of(total)} ({len(wrong) / total:.1%}, at most "
            f"{max_unusable:.1%} may be) are missing, unusable or silent: {first_few(wrong)}; "
            f"mend or remove them, or allow more by --max-unusable; all are listed in {list_file}"
        )
    kinds = {
        "missing and left out": lost,
        "unusable and left out": skipped,
        "silent or very short, and kept": doubtful,
    }
    return tuple(
        f"{clips_of(len(names))} {'is' if len(names) == 1 else 'are'} {kind}: {first_few(names)} (all: {list_file})"
        for kind, names in kinds.items()
        if names
    )
