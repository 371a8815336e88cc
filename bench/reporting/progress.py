"""How a study looks while it runs: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Self

from bench.evaluation.metrics import metric_title
from bench.markdown import printable
from bench.results.study_folder import validation_score
from bench.results.study_records import RunRecord
from bench.search.callback import StudyCallback
from bench.trial import Epoch, TrialSpec

REDRAW_SECONDS = 0.1
"""Seconds between two redraws of a bar that is updated for every clip."""


def study_progress() -> PlainProgress | BarProgress:
    """Bars if the output is a terminal, lines if it is a file, a pipe or a notebook."""
    return BarProgress() if sys.stdout.isatty() else PlainProgress()


def print_warning(line: str) -> None:
    """Prints one line on the error stream."""
    print(f"bench: warning: {printable(line)}", file=sys.stderr)


def configuration_title(spec: TrialSpec) -> str:
    """`tc-resnet on mel`."""
    return f"{spec.model.name} on {spec.feature.name}"


def outcome_line(run: RunRecord) -> str:
    """What became of a run, in a few words."""
    result = run.result
    if result.status != "complete":
        return f"{result.status}: {result.reason}"
    metric = run.spec.objective
    test = "" if result.test is None else f", test {getattr(result.test, metric):.4f}"
    parameters = "" if result.parameters is None else f", {result.parameters:,} parameters"
    return (
        f"validation {metric_title(metric)} {validation_score(run):.4f}{test}{parameters}, {result.train_seconds:.1f} s"
    )


class PlainProgress(StudyCallback):
    """Prints a line for every run that ends."""

    def __init__(self) -> None:
        self._done = self._total = 0

    def warning(self, line: str) -> None:
        print_warning(line)

    def note(self, line: str) -> None:
        print(printable(line), flush=True)

    def preparing(self, what: str, done: int, total: int) -> None:
        if not done and what.startswith("augmenting"):
            print(printable(f"{what}: {total:,} clips"), flush=True)

    def phase(self, name: str, *, done: int, total: int) -> None:
        self._done, self._total = done, total
        if total:
            print(f"{name}: {done} of {total} done", flush=True)

    def ended(self, run: RunRecord) -> None:
        self._done += run.result.status != "lost"
        line = f"{run.name} {configuration_title(run.spec)}: {outcome_line(run)}"
        print(printable(f"[{self._done}/{self._total}] {line}"), flush=True)


class BarProgress(StudyCallback):
    """Draws a bar for the phase and one for every running job, with the best so far and how runs ended."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

        self._console = Console(highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", style="dim"),
            console=self._console,
        )
        self._phase: TaskID | None = None
        self._jobs: dict[str, TaskID] = {}
        self._preparing: dict[str, TaskID] = {}
        self._redrawn = 0.0
        self._statuses: Counter[str] = Counter()
        self._best: RunRecord | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        for task in (*self._jobs.values(), *self._preparing.values()):
            self._progress.remove_task(task)
        self._jobs, self._preparing = {}, {}
        self._progress.stop()

    def warning(self, line: str) -> None:
        self.note(f"bench: warning: {line}")

    def note(self, line: str) -> None:
        self._console.print(printable(line), markup=False, soft_wrap=True)

    def preparing(self, what: str, done: int, total: int) -> None:
        if done < total and time.monotonic() - self._redrawn < REDRAW_SECONDS:
            return
        self._redrawn = time.monotonic()
        for other in self._preparing.keys() - {what}:
            self._progress.remove_task(self._preparing.pop(other))
        if what not in self._preparing:
            self._preparing[what] = self._progress.add_task(f"  {what}", total=total, detail="")
        self._progress.update(self._preparing[what], completed=done, total=total)
        if done == total:
            self._progress.remove_task(self._preparing.pop(what))

    def phase(self, name: str, *, done: int, total: int) -> None:
        self._statuses.clear()
        self._best = None
        self._phase = self._progress.add_task(f"[bold]{name}", completed=done, total=total, detail="")

    def started(self, name: str, spec: TrialSpec, origin: str) -> None:
        total = spec.training.epochs
        title = f"  {name} {configuration_title(spec)}"
        self._jobs[name] = self._progress.add_task(title, total=total, detail=origin)

    def epoch(self, name: str, spec: TrialSpec, epoch: Epoch) -> None:
        detail = f"validation {metric_title(spec.objective)} {epoch.validation_score(spec.objective):.4f}"
        self._progress.update(self._jobs[name], completed=epoch.number, detail=detail)

    def ended(self, run: RunRecord) -> None:
        from rich.markup import escape

        self._progress.remove_task(self._jobs.pop(run.name))
        style = "green" if run.result.status == "complete" else "yellow"
        line = f"{run.name} {configuration_title(run.spec)}: {outcome_line(run)}"
        self._console.print(f"[{style}]{escape(printable(line))}[/]", soft_wrap=True)
        self._statuses[run.result.status] += 1
        is_complete = run.result.status == "complete"
        if is_complete and (self._best is None or validation_score(run) > validation_score(self._best)):
            self._best = run
        if self._phase is not None and run.result.status != "lost":
            self._progress.update(self._phase, advance=1, detail=self._detail())

    def _detail(self) -> str:
        best = "" if self._best is None else f"best {validation_score(self._best):.4f} ({self._best.name}); "
        return best + ", ".join(f"{count} {status}" for status, count in self._statuses.most_common())
