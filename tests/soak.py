"""The soak test: a study of tiny trials whose workers and head are killed every few seconds, resumed until it is done.

    make soak                      300 trials on two workers, a few minutes
    python tests/soak.py --trials 40 --seed 3

Run as a user runs it, through the `bench` command. What is kept of it is then held against what was asked for, see
`soak_checks`. Ends with exit code 1 where anything is not as it should be.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import soak_checks
from made_audio import cats_and_dogs

from bench.results.study_folder import StudyFolder
from bench.search.failures import ATTEMPTS

STUDY = "soak"
LAST_ATTEMPT = f"attempt {ATTEMPTS} of {ATTEMPTS}"
NOTICED_SECONDS = 30.0
"""A worker's death that is said later than this is taken for one that had no trial in its hands."""


@dataclass(frozen=True)
class Plan:
    """What is run, and how it is disturbed."""

    trials: int
    workers: int = 2
    seed: int = 0
    """Of the kills; the study's own is 0."""
    pause: tuple[float, float] = (2.0, 8.0)
    """Seconds from one kill to the next, from and to."""
    head_share: float = 0.2
    """Of the kills that are of the head. The first kill is a worker's, the second the head's."""
    runs: tuple[int, int] = (1, 8)
    """That end from one kill to the next, from and to, so that the study ends on a slow machine too."""
    merciless: float = 0.2
    """Of the kills that wait for no run to end: they also come while the head or a worker starts."""


@dataclass
class Tally:
    """What happened."""

    worker_kills: int = 0
    head_kills: int = 0
    resumes: int = 0
    stopped: list[str] = field(default_factory=list)
    """Why the study stopped itself, where it did."""
    noticed: list[float] = field(default_factory=list)
    """Seconds from the kill of a worker that had a trial to the head's line about it."""
    seconds: float = 0.0


class Head:
    """One run of the command, and what it has said so far."""

    def __init__(self, words: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        self.lines: list[tuple[float, str]] = []
        """With the monotonic time at which each arrived."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def workers(self) -> list[int]:
        """Process numbers of its workers, and of the template that they are copies of."""
        return [
            pid
            for pid in soak_checks.children(self.process.pid)
            if b"bench.child_template" in soak_checks.command_of(pid)
        ]

    def last_attempts(self) -> set[str]:
        """Runs whose worker may not be killed again: a third time would be the policy's end of them, and no fault."""
        said = [line.strip() for _, line in self.lines if line.endswith(LAST_ATTEMPT)]
        return {line.partition(":")[0] for line in said}

    def wait(self) -> int:
        """Its exit code, once it has ended and all that it said is read."""
        code = self.process.wait()
        self._reader.join()
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), line.rstrip("\n")))


class Soak:
    """A study in a folder of its own, run and disturbed until it is done."""

    def __init__(self, plan: Plan, folder: Path, say: Callable[[str], None]) -> None:
        self.plan = plan
        self.tally = Tally()
        self.study = StudyFolder(folder / "results" / STUDY)
        self._folder = folder
        self._say = say
        self._random = random.Random(plan.seed)
        self._kept: dict[str, bytes] = {}
        """run.json of every run that was there when the head was killed: none of them may change after that."""
        (folder / "tmp").mkdir(parents=True)
        cats_and_dogs(folder / "audio", 12)
        self._environment = {
            **os.environ,
            "BENCH_CACHE_DIR": str(folder / "cache"),
            "BENCH_RESULTS_DIR": str(folder / "results"),
            "TMPDIR": str(folder / "tmp"),
            soak_checks.MARK: str(folder),
        }

    def run(self) -> list[str]:
        """Runs the study to its end; what is wrong with it then, in lines."""
        begin = time.monotonic()
        words = self._first_command()
        while (code := self._run_once(words)) != 0:
            self._remember()
            if self.study.exists():
                words = [*_bench(), "run", "--resume", STUDY, "--workers", str(self.plan.workers)]
            self.tally.resumes += 1
            why = f" ({self.tally.stopped[-1]})" if code > 0 else ""
            self._say(f"{len(self._kept)} runs kept, exit code {code}{why}: {shlex.join(['bench', *words[1:]])}")
        self.tally.seconds = time.monotonic() - begin
        return [
            *soak_checks.unchanged(self.study, self._kept),
            *soak_checks.disagreements(self.study, self.plan.trials),
            *soak_checks.leftovers(self._folder),
        ]

    def _first_command(self) -> list[str]:
        return [
            *(*_bench(), "run", "--dataset", f"folder:{self._folder / 'audio'}", "--study", STUDY),
            *("--trials", str(self.plan.trials), "--workers", str(self.plan.workers), "--threads", "1"),
            *("--models", "tc-resnet", "--features", "mel", "--set", "feature.mel.sample_rate=8000", "--epochs", "2"),
            *("--finalists", "1", "--final-seeds", "1"),
        ]

    def _run_once(self, words: list[str]) -> int:
        """Runs one head to its end, be it by one of our kills; its exit code."""
        head = Head(words, self._environment)
        killed: list[float] = []
        try:
            self._disturb(head, killed)
        finally:
            head.process.kill()
        code = head.wait()
        self.tally.noticed += _delays(killed, head.lines)
        if code > 0:
            said = [line for _, line in head.lines]
            if not any(line.startswith(f"to continue: bench run --resume {STUDY}") for line in said):
                raise SystemExit("\n".join(["the study stopped without saying how to go on:", *said[-20:]]))
            self.tally.stopped.append(said[-1])
        return code

    def _disturb(self, head: Head, killed: list[float]) -> None:
        """Kills until the head has ended; `killed` gets the moments at which workers were."""
        next_kill, waits_for = self._next_kill()
        while head.process.poll() is None:
            if time.monotonic() >= next_kill and self._ended() >= waits_for:
                killed += self._kill(head)
                next_kill, waits_for = self._next_kill()
            time.sleep(0.05)

    def _next_kill(self) -> tuple[float, int]:
        """Its time at the earliest, and how many runs must have ended by then."""
        runs = 0 if self._random.random() < self.plan.merciless else self._random.randint(*self.plan.runs)
        return time.monotonic() + self._random.uniform(*self.plan.pause), self._ended() + runs

    def _ended(self) -> int:
        return len(list(self.study.folder.glob("*-*/run.json")))

    def _kill(self, head: Head) -> list[float]:
        """Kills the head or one of its workers. The moment where it was a worker."""
        kills = self.tally.worker_kills + self.tally.head_kills
        of_head = kills == 1 or (kills > 1 and self._random.random() < self.plan.head_share)
        if of_head:
            head.process.kill()
            self.tally.head_kills += 1
            return []
        workers = head.workers()
        if not workers or any(not (self.study.folder / run / "run.json").exists() for run in head.last_attempts()):
            return []
        try:
            os.kill(self._random.choice(workers), signal.SIGKILL)
        except ProcessLookupError:
            return []
        self.tally.worker_kills += 1
        return [time.monotonic()]

    def _remember(self) -> None:
        for path in self.study.folder.glob("*-*/run.json"):
            self._kept.setdefault(path.parent.name, path.read_bytes())


def _bench() -> list[str]:
    return [str(Path(sys.executable).with_name("bench"))]


def _delays(killed: list[float], lines: list[tuple[float, str]]) -> list[float]:
    """Seconds from each kill to the line that says so, for kills that have one."""
    said = [moment for moment, line in lines if "was killed by SIGKILL" in line and "it runs again" in line]
    delays = []
    for kill, following in pairwise([*killed, float("inf")]):
        after = [moment - kill for moment in said if kill <= moment < min(following, kill + NOTICED_SECONDS)]
        delays += after[:1]
    return delays


def summary(plan: Plan, tally: Tally) -> str:
    """What was survived, for people."""
    noticed = (
        f"{statistics.median(tally.noticed):.2f} s median, {max(tally.noticed):.2f} s at most, of {len(tally.noticed)}"
        if tally.noticed
        else "no killed worker had a trial"
    )
    return "\n".join(
        [
            f"trials:             {plan.trials}, on {plan.workers} workers, kills of seed {plan.seed}",
            f"kills:              {tally.worker_kills} of workers, {tally.head_kills} of the head",
            f"resumes:            {tally.resumes}, {len(tally.stopped)} of them after the study had stopped itself",
            f"dead worker to line: {noticed}",
            f"wall time:          {tally.seconds:.0f} s",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the kills")
    parser.add_argument("--folder", type=Path, help="where to work, and to leave what was made; else a temporary one")
    given = parser.parse_args()
    plan = Plan(trials=given.trials, workers=given.workers, seed=given.seed)
    with tempfile.TemporaryDirectory(prefix="bench-soak-") as temporary:
        soak = Soak(plan, given.folder or Path(temporary), say=lambda line: print(f"  {line}", flush=True))
        wrong = soak.run()
        print(summary(plan, soak.tally))
        for line in soak.tally.stopped:
            print(f"stopped itself:     {line}")
        print("\n".join(f"WRONG: {line}" for line in wrong) or f"checked:            {soak_checks.CHECKED}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
