"""The options of `bench run`, in the panels in which its help shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SEARCH = "What to search"
FINALS = "Finals"
STUDY = "The study"
WHERE = "Where and how it runs"


def _config_file(context: typer.Context, path: Path | None) -> Path | None:
    if path is None:
        return None
    from bench.cli.config_file import read_config

    return read_config(context, path)


Dataset = Annotated[
    str,
    typer.Option(
        "--dataset",
        "-d",
        help="Data set: fsdd, folder:PATH, csv:FILE. See: bench list datasets",
        rich_help_panel=SEARCH,
    ),
]
Trials = Annotated[
    int | None, typer.Option("--trials", "-n", min=1, help="Trials in all.  \\[default: 100]", rich_help_panel=SEARCH)
]
Models = Annotated[
    str, typer.Option("--models", help="Search these only, as in cnn,tc-resnet.", rich_help_panel=SEARCH)
]
Features = Annotated[str, typer.Option("--features", help="Search these only, as in mel,mfcc.", rich_help_panel=SEARCH)]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs", min=1, help="Epochs of every trial, instead of a searched number.", rich_help_panel=SEARCH
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the whole study.", rich_help_panel=SEARCH)]
Pruner = Annotated[str, typer.Option("--pruner", help="median, halving or none.", rich_help_panel=SEARCH)]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="TOML file with any of these options, and a table \\[set] of settings. The command line goes before it.",
        callback=_config_file,
        is_eager=True,
        rich_help_panel=SEARCH,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Say what would be done, and how long it would take.", rich_help_panel=SEARCH),
]

Finalists = Annotated[
    int,
    typer.Option("--finalists", min=0, help="Configurations that are retrained and tested.", rich_help_panel=FINALS),
]
FinalSeeds = Annotated[
    int,
    typer.Option("--final-seeds", min=1, help="Seeds that each finalist is retrained with.", rich_help_panel=FINALS),
]

Study = Annotated[
    str,
    typer.Option(
        "--study",
        metavar="NAME",
        help="Name of the study.  \\[default: the data set's, numbered]",
        rich_help_panel=STUDY,
    ),
]
Resume = Annotated[
    str,
    typer.Option(
        "--resume", metavar="STUDY", help="Continue a study; --trials can raise its number.", rich_help_panel=STUDY
    ),
]

Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-w",
        min=1,
        help="Trials that run at the same time.  \\[default: 1; on GPUs, what --workers-per-gpu makes]",
        rich_help_panel=WHERE,
    ),
]
WorkersPerGpu = Annotated[
    int | None,
    typer.Option(
        "--workers-per-gpu",
        min=1,
        help="Workers on each GPU that is visible: small networks leave room for several. A resume keeps it.  "
        "\\[default: 1]",
        rich_help_panel=WHERE,
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.", rich_help_panel=WHERE)]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="Torch threads of a worker. 1 where other programs use the cores; those that are left make batches ahead.  "
        "\\[default: cores / workers]",
        rich_help_panel=WHERE,
    ),
]
Compile = Annotated[
    bool,
    typer.Option(
        "--compile",
        help="Train by code that torch.compile generates, where it can. On a CPU a configuration that is new costs 10 to "
        "30 s, and its steps take 15 to 20 % less: for long trainings. It may change the last digits.",
        rich_help_panel=WHERE,
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", min=0, help="Seconds after which no trial starts; finals follow.", rich_help_panel=WHERE),
]
TrialTimeout = Annotated[
    float,
    typer.Option(
        "--trial-timeout",
        min=1,
        help="Seconds that a trial may go without finishing an epoch.",
        rich_help_panel=WHERE,
    ),
]
TrialBudget = Annotated[
    float | None,
    typer.Option(
        "--trial-budget",
        min=0,
        help="Seconds of training that a trial may take: one that its first steps show to take longer is pruned. 0 for "
        "any number.  \\[default: 600 on a cpu, any number on cuda]",
        rich_help_panel=WHERE,
    ),
]
Executor = Annotated[
    str,
    typer.Option(
        "--executor", help="local: processes of this machine. ray: nodes of a Ray cluster.", rich_help_panel=WHERE
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        help="HOST:PORT of a Ray cluster, or auto for the one that this machine is in.  \\[default: one is started here]",
        rich_help_panel=WHERE,
    ),
]
CpusPerTrial = Annotated[
    float, typer.Option("--cpus-per-trial", min=0.1, help="With --executor ray.", rich_help_panel=WHERE)
]
GpusPerTrial = Annotated[
    float,
    typer.Option("--gpus-per-trial", min=0, help="With --executor ray; 0.5 shares a card.", rich_help_panel=WHERE),
]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL",
        help="PostgreSQL server that keeps the study, as postgresql://USER@HOST/DATABASE.  \\[default: a file in the "
        "study's folder]",
        rich_help_panel=WHERE,
    ),
]
TrackingUri = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri", help="MLflow server or database.  \\[default: RESULTS/mlflow.db]", rich_help_panel=WHERE
    ),
]
