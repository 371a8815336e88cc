"""How a study looks while it runs: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from bench.evaluation.metrics import metric_title
from bench.markdown import printable
from bench.reporting.numbers import duration
from bench.results.study_folder import validation_score
from bench.results.study_records import RunRecord
from bench.search.callback import StudyCallback
from bench.trial import Epoch, TrialSpec

if TYPE_CHECKING:
    from rich.progress import TaskID

REDRAW_SECONDS = 0.1
"""Seconds between two redraws of a bar that is updated for every clip."""
CLOCK_SECONDS = 60.0
"""Seconds between two lines that say how long it still takes, where there are lines alone."""
NARROW_TITLE, NARROW_DETAIL = 32, 12
"""Characters of what runs, and of how it is, on a terminal of 80: between them stand the count and the clocks."""
WIDE = 110
"""Characters from which a terminal has room for bars and whole sentences."""


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
    trained = f"trained in {duration(result.train_seconds)}"
    return f"validation {metric_title(metric)} {validation_score(run):.4f}{test}{parameters}, {trained}"


class Clock:
    """How long a phase has taken, and how long it will: as long for each of the rest as for those that it has done."""

    def __init__(self, *, done: int = 0, total: int = 0) -> None:
        self._begun, self._before, self._total = time.monotonic(), done, total

    def text(self, done: int, *, spelt: Callable[[float], str] = duration) -> str:
        """`elapsed 2 min 10 s, left 12 min 00 s`; nothing is said of the rest before one is done."""
        elapsed = time.monotonic() - self._begun
        left = elapsed / max(done - self._before, 1) * (self._total - done)
        known = done > self._before and done < self._total
        return f"elapsed {spelt(elapsed)}{f', left {spelt(left)}' * known}"


def _short(seconds: float) -> str:
    """`2:10`, `1:02:10`: what a narrow line has room for."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


class PlainProgress(StudyCallback):
    """Prints a line for every run that ends, and now and then how long it still takes."""

    def __init__(self) -> None:
        self._name, self._done, self._total = "", 0, 0
        self._clock, self._told = Clock(), 0.0

    def warning(self, line: str) -> None:
        print_warning(line)

    def note(self, line: str) -> None:
        print(printable(line), flush=True)

    def preparing(self, what: str, done: int, total: int) -> None:
        if not done and what.startswith("augmenting"):
            print(printable(f"{what}: {total:,} clips"), flush=True)

    def phase(self, name: str, *, done: int, total: int) -> None:
        self._name, self._done, self._total = name, done, total
        self._clock, self._told = Clock(done=done, total=total), time.monotonic()
        if total:
            print(f"{name}: {done} of {total} done", flush=True)

    def ended(self, run: RunRecord) -> None:
        self._done += run.result.status != "lost"
        line = f"{run.name} {configuration_title(run.spec)}: {outcome_line(run)}"
        print(printable(f"[{self._done}/{self._total}] {line}"), flush=True)
        if time.monotonic() - self._told > CLOCK_SECONDS and self._done < self._total:
            self._told = time.monotonic()
            print(f"{self._name}: {self._done} of {self._total} done, {self._clock.text(self._done)}", flush=True)


class BarProgress(StudyCallback):
    """Draws a bar for the phase and one for every running job, with the best so far and how runs ended."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
        from rich.table import Column
        from rich.text import Text

        self._console = Console(highlight=False)
        self._wide = self._console.width >= WIDE

        self._clocks = clocks = dict[TaskID, Clock]()

        class Clocks(ProgressColumn):
            max_refresh = 0.5

            def render(self, task: Task) -> Text:
                return Text(clocks[task.id].text(int(task.completed), spelt=_short))

        def cut(width: int) -> Column:
            return Column(no_wrap=True, overflow="ellipsis", max_width=None if self._wide else width)

        self._progress = Progress(
            TextColumn("{task.description}", table_column=cut(NARROW_TITLE)),
            *([BarColumn(bar_width=16)] if self._wide else []),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            Clocks(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[detail]}", style="dim", table_column=cut(NARROW_DETAIL)),
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
            self._preparing[what] = self._added(f"  {what}", total=total)
        self._progress.update(self._preparing[what], completed=done, total=total)
        if done == total:
            self._progress.remove_task(self._preparing.pop(what))

    def phase(self, name: str, *, done: int, total: int) -> None:
        self._statuses.clear()
        self._best = None
        self._phase = self._added(f"[bold]{name}", done=done, total=total)

    def started(self, name: str, spec: TrialSpec, origin: str) -> None:
        total = spec.training.epochs
        title = f"  {name} {configuration_title(spec)}"
        self._jobs[name] = self._added(title, total=total, detail=origin)

    def epoch(self, name: str, spec: TrialSpec, epoch: Epoch) -> None:
        score = f"{epoch.validation_score(spec.objective):.4f}"
        detail = f"validation {metric_title(spec.objective)} {score}" if self._wide else score
        self._progress.update(self._jobs[name], completed=epoch.number, detail=detail)

    def _added(self, title: str, *, total: int, done: int = 0, detail: str = "") -> TaskID:
        task = self._progress.add_task(title, completed=done, total=total, detail=detail, visible=False)
        self._clocks[task] = Clock(done=done, total=total)
        self._progress.update(task, visible=True)
        return task

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
        best = "" if self._best is None else f"best {validation_score(self._best):.4f}"
        if not self._wide:
            return best
        best += f" ({self._best.name}); " if self._best is not None else ""
        return best + ", ".join(f"{count} {status}" for status, count in self._statuses.most_common())
