"""Measures how long a user waits for help, for a list, and from `bench run` to the end of the first epoch."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from perf.command import seconds, study_times
from perf.sound import data_set
from perf.tables import Column, Sizes, Table

SETTINGS = ("training.epochs=1", "training.time_shift=0.0")


def measure(sizes: Sizes) -> list[Table]:
    """Returns one table; all commands run in turn, repeatedly."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        audio = data_set(folder / "audio", clips=sizes.of(400, 60))

        def first_epoch(cache: str) -> float:
            own = Path(tempfile.mkdtemp(dir=folder))
            if cache == "filled":
                (own / "cache").symlink_to(folder / "cache", target_is_directory=True)
            times = study_times(audio, own, trials=1, workers=1, settings=SETTINGS)
            return times.start_up + times.trials[0].result.epochs[0].seconds

        (folder / "cache").mkdir()
        commands: dict[str, tuple[int, Callable[[], float]]] = {
            "bench --help": (sizes.of(11, 1), lambda: seconds("--help", folder=folder)),
            "bench list": (sizes.of(11, 1), lambda: seconds("list", folder=folder)),
            "bench run to its first epoch, audio not decoded yet": (sizes.of(3, 1), lambda: first_epoch("none")),
            "bench run to its first epoch": (sizes.of(5, 0), lambda: first_epoch("filled")),
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for repeat in range(max(repeats for repeats, _ in commands.values())):
            for name, (repeats, run) in commands.items():
                if repeat < repeats:
                    times[name].append(run())
    return [
        Table(
            title="Start-up",
            columns=(
                Column("Command", "command"),
                Column("Seconds, median", "median_seconds", ".2f"),
                Column("Least", "least_seconds", ".2f"),
                Column("Times run", "repeats", "d"),
            ),
            rows=tuple(
                {
                    "command": name,
                    "median_seconds": statistics.median(durations),
                    "least_seconds": min(durations),
                    "repeats": len(durations),
                }
                for name, durations in times.items()
                if durations
            ),
            note=f"bench run: {sizes.of(400, 60)} clips of one second, tc-resnet on mel, one worker, each study in a "
            "results folder of its own, so that MLflow's database is made, too.",
        )
    ]
