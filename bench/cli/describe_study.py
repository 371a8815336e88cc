"""`bench run --dry-run`: the resolved study, and an estimate of its time."""

from __future__ import annotations

from bench import api
from bench.reporting.numbers import duration
from bench.reporting.terminal import print_table


def describe(study: api.ResolvedStudy) -> None:
    """Prints what the study would search, with which versions and data, and about how long it would take."""
    record = study.record
    print("\nsearched:")
    searched = [(name, str(text)) for name, text in record.space["searched"].items()]
    print_table(("parameter", "range"), searched, left=(0, 1))
    print("\nfixed:")
    fixed = [(name, str(value)) for name, value in record.space["fixed"].items()]
    print_table(("parameter", "value"), fixed, left=(0, 1))
    print("\nclips:")
    supports = record.data.supports
    sizes = [
        (label, *(f"{supports[split][number]:,}" for split in record.data.splits))
        for number, label in enumerate(record.data.labels)
    ]
    print_table(("class", *record.data.splits), sizes)
    print("\nversions: " + ", ".join(f"{name} {version}" for name, version in record.versions.items()))
    print("\ntried first, with the time of one epoch:")
    times = list(api.candidate_times(study))
    print_table(("origin", "what", "epoch"), [_cells(time) for time in times], left=(0, 1))
    if seconds := api.total_seconds(study, times):
        runs = f"{api.number_of_runs(study)} trials and finals with {max(1, study.workers)} worker(s)"
        print(f"\nestimate: {duration(seconds)} for {runs}, before pruning")


def _cells(time: api.CandidateTime) -> tuple[str, str, str]:
    configuration = time.candidate.configuration
    what = f"{configuration.model.name} on {configuration.feature.name}"
    if time.epoch_seconds is None:
        return time.candidate.origin, what, time.problem[:100]
    return time.candidate.origin, what, duration(time.epoch_seconds) + (f" ({time.problem})" if time.problem else "")
