"""How a study looks while it runs: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bench.results.study_folder import validation_score
from bench.results.study_records import RunRecord
from bench.trial import Epoch, TrialSpec

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def watch_study() -> PlainProgress | BarProgress:
    """Bars where the output is a terminal, lines where it is a file or a pipe."""
    return BarProgress() if sys.stdout.isatty() else PlainProgress()


def title(spec: TrialSpec) -> str:
    """`tc-resnet on mel`."""
    return f"{spec.model.name} on {spec.feature.name}"


def summary(run: RunRecord) -> str:
    """What became of a run, in a few words."""
    result = run.result
    if result.status != "complete":
        return f"{result.status}: {result.reason}"
    test = "" if result.test is None else f", test {result.test.accuracy:.4f}"
    parameters = "" if result.parameters is None else f", {result.parameters:,} parameters"
    return f"validation {validation_score(run):.4f}{test}{parameters}, {result.train_seconds:.1f} s"


class PlainProgress:
    """A line for every run that ends. See `bench.search.callback.StudyCallback`."""

    def __init__(self) -> None:
        self._done = self._total = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def phase(self, name: str, *, done: int, total: int) -> None:
        self._done, self._total = done, total
        if total:
            print(f"{name}: {done} of {total} done", flush=True)

    def started(self, name: str, spec: TrialSpec, origin: str) -> None:
        return None

    def epoch(self, name: str, spec: TrialSpec, epoch: Epoch) -> None:
        return None

    def ended(self, run: RunRecord) -> None:
        self._done += run.result.status != "lost"
        print(f"[{self._done}/{self._total}] {run.name} {title(run.spec)}: {summary(run)}", flush=True)

    def preparing(self, what: str, done: int, total: int) -> None:
        if not done:
            print(f"{what}: {total:,} clips", flush=True)

    def note(self, line: str) -> None:
        print(line, flush=True)


class BarProgress:
    """A bar for the phase, one for every running job, the best so far, and how runs ended."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = Console(highlight=False)
        self._progress: Progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", style="dim"),
            console=self._console,
        )
        self._phase: TaskID | None = None
        self._jobs: dict[str, TaskID] = {}
        self._made: TaskID | None = None
        """What is being made for a run."""
        self._statuses: Counter[str] = Counter()
        self._best: RunRecord | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._jobs.values():
            self._progress.remove_task(task)
        self._progress.stop()

    def phase(self, name: str, *, done: int, total: int) -> None:
        self._statuses.clear()
        self._best = None
        self._phase = self._progress.add_task(f"[bold]{name}", completed=done, total=total, detail="")

    def started(self, name: str, spec: TrialSpec, origin: str) -> None:
        total = spec.training.epochs
        self._jobs[name] = self._progress.add_task(f"  {name} {title(spec)}", total=total, detail=origin)

    def epoch(self, name: str, spec: TrialSpec, epoch: Epoch) -> None:
        detail = f"validation {epoch.validation_accuracy:.4f}"
        self._progress.update(self._jobs[name], completed=epoch.number, detail=detail)

    def ended(self, run: RunRecord) -> None:
        from rich.markup import escape

        self._progress.remove_task(self._jobs.pop(run.name))
        style = "green" if run.result.status == "complete" else "yellow"
        line = f"{run.name} {title(run.spec)}: {summary(run)}"
        self._console.print(f"[{style}]{escape(line)}[/]", soft_wrap=True)
        self._statuses[run.result.status] += 1
        if run.result.status == "complete" and (
            self._best is None or validation_score(run) > validation_score(self._best)
        ):
            self._best = run
        if self._phase is not None and run.result.status != "lost":
            self._progress.update(self._phase, advance=1, detail=self._detail())

    def preparing(self, what: str, done: int, total: int) -> None:
        if self._made is None:
            self._made = self._progress.add_task(f"  {what}", total=total, detail="")
        self._progress.update(self._made, completed=done, total=total)
        if done == total:
            self._progress.remove_task(self._made)
            self._made = None

    def note(self, line: str) -> None:
        self._console.print(line, markup=False)

    def _detail(self) -> str:
        best = "" if self._best is None else f"best {validation_score(self._best):.4f} ({self._best.name}); "
        return best + ", ".join(f"{count} {status}" for status, count in self._statuses.most_common())


class PreparationProgress:
    """Progress of reading a data set: a bar on a terminal, silence elsewhere."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last = 0.0

    def __enter__(self) -> Self:
        if sys.stdout.isatty():
            from rich.progress import Progress

            self._progress = Progress(transient=True)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Called for every clip: redraws at most ten times a second."""
        if self._progress is None or (done < total and time.monotonic() - self._last < 0.1):
            return
        self._last = time.monotonic()
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)
