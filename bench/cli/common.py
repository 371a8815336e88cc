"""What several verbs share: their options, the installed plugins, warnings."""

from __future__ import annotations

import sys
from typing import Any

from bench.cli.option_flags import flag_of
from bench.markdown import printable
from bench.options import RunOptions, checked_options, flag
from bench.passwords import command_without_passwords
from bench.plugins.registry import Registry, installed

DataDir = flag_of("data_dir")
ResultsDir = flag_of("results")
MaxUnusable = flag_of("max_unusable")
TrackingUri = flag_of("tracking_uri", help="MLflow's server or database to register it in.", default="the study's")
SettingsFlag = flag_of("settings")
Device = flag_of("device")
Seed = flag_of("seed", help="Seed of the weights and of the batches.")
Threads = flag_of("threads", default="cores")
RowThreads = flag_of("threads", default="the row's; cores / workers")
SeedWorkers = flag_of("workers", help="Number of seeds that run at the same time.", default="1")


def options_of(**given: Any) -> RunOptions:
    """The options among a verb's parameters that were given, checked. Raises WrongUsage."""
    return checked_options({name: value for name, value in given.items() if value is not None}, spell=flag)


def installed_plugins() -> Registry:
    """The installed plugins; what had to be left out is said on the error stream."""
    registry = installed()
    for problem in registry.problems:
        warn(str(problem))
    return registry


def warn(line: str) -> None:
    """Prints one line on the error stream."""
    print(f"bench: warning: {printable(line)}", file=sys.stderr)


def command_line() -> str:
    """The command line of this process, as it can be typed again, without passwords."""
    return command_without_passwords(["bench", *sys.argv[1:]])
