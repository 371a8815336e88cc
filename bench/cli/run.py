"""`bench run`: a study from the command line."""

from __future__ import annotations

import typer

from bench.cli import run_options as option
from bench.cli.common import DataDir, MaxUnusable, ResultsDir, Settings


def command(
    context: typer.Context,
    dataset: option.Dataset = "",
    trials: option.Trials = None,
    models: option.Models = "",
    features: option.Features = "",
    epochs: option.Epochs = None,
    settings: Settings = None,
    seed: option.Seed = 0,
    pruner: option.Pruner = "median",
    config: option.Config = None,
    dry_run: option.DryRun = False,
    finalists: option.Finalists = 3,
    final_seeds: option.FinalSeeds = 3,
    study: option.Study = "",
    resume: option.Resume = "",
    workers: option.Workers = None,
    workers_per_gpu: option.WorkersPerGpu = None,
    device: option.Device = "auto",
    threads: option.Threads = None,
    compile: option.Compile = False,
    timeout: option.Timeout = None,
    trial_timeout: option.TrialTimeout = 1800,
    trial_budget: option.TrialBudget = None,
    executor: option.Executor = "local",
    ray_address: option.RayAddress = None,
    cpus_per_trial: option.CpusPerTrial = 1.0,
    gpus_per_trial: option.GpusPerTrial = 0.0,
    storage: option.Storage = None,
    tracking_uri: option.TrackingUri = None,
    max_unusable: MaxUnusable = 0.05,
    data_dir: DataDir = None,
    results: ResultsDir = None,
) -> None:
    """Search features, models and training settings for a data set, then retrain and test the best."""
    from bench.cli.common import command_line, parse_settings, registry
    from bench.cli.config_file import CONFIG_SETTINGS
    from bench.cli.study_run import StudyRun, begin, go_on
    from bench.errors import BenchError
    from bench.files import data_directory, results_directory
    from bench.results.study_records import StudyRequest

    if bool(dataset) == bool(resume):
        raise BenchError("bench run needs --dataset NAME, or --resume STUDY to continue one: see bench run --help")
    if pruner not in ("median", "halving", "none"):
        raise BenchError(f"--pruner {pruner}: choose median, halving or none")
    if executor not in ("local", "ray"):
        raise BenchError(f"--executor {executor}: choose local or ray")
    if executor == "ray" and threads is not None:
        raise BenchError(
            "--threads is for --executor local: with ray, --cpus-per-trial says how many threads a trial has"
        )
    if executor == "ray" and workers_per_gpu is not None:
        raise BenchError("--workers-per-gpu is for --executor local: with ray, --gpus-per-trial 0.5 shares a card")
    given = [name for name in OF_RAY if _typed(context, name)]
    if executor == "local" and given:
        raise BenchError(f"--{given[0].replace('_', '-')} is for --executor ray")
    if resume:
        _refuse_what_a_resume_cannot_change(context)
    run = StudyRun(
        registry=registry(),
        results=results_directory(results),
        data_dir=data_directory(data_dir),
        workers=workers,
        workers_per_gpu=workers_per_gpu,
        device=device,
        threads=threads,
        timeout=timeout,
        trial_timeout=trial_timeout,
        trial_budget=trial_budget,
        max_unusable=max_unusable,
        storage=storage,
        tracking_uri=tracking_uri,
        executor=executor,
        ray_address=ray_address,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        dry_run=dry_run,
        again=_given_again(context),
    )
    if resume:
        go_on(run, resume, trials=trials)
        return
    fixed = parse_settings([*context.meta.get(CONFIG_SETTINGS, ()), *(settings or ())])
    if epochs is not None:
        fixed["training.epochs"] = epochs
    begin(
        run,
        dataset,
        StudyRequest(
            features=_names("features", features), models=_names("models", models), settings=fixed, pruner=pruner
        ),
        name=study,
        command=command_line(),
        trials=100 if trials is None else trials,
        finalists=finalists,
        final_seeds=final_seeds,
        seed=seed,
        compile=compile,
    )


OF_THE_STUDY = (
    *("study", "models", "features", "epochs", "settings", "seed"),
    *("finalists", "final_seeds", "pruner", "compile"),
)
"""Options that a study keeps from its first command on."""
OF_RAY = ("ray_address", "cpus_per_trial", "gpus_per_trial")
"""Options that say nothing without a Ray cluster."""
OF_THE_PLACE = ("results", "data_dir", "max_unusable", "tracking_uri", "trial_budget")
"""Options without which a study of this command would not be found again, or not be what it was."""


def _refuse_what_a_resume_cannot_change(context: typer.Context) -> None:
    """Raises BenchError rather than leave out what the user has typed."""
    from bench.errors import BenchError

    for name in OF_THE_STUDY:
        if _typed(context, name):
            raise BenchError(
                f"--{'set' if name == 'settings' else name.replace('_', '-')} cannot change a study that has begun: "
                "leave it out, or start another study with --dataset"
            )


def _given_again(context: typer.Context) -> tuple[str, ...]:
    """What a resume of this command has to repeat, as it is typed; passwords are masked."""
    from bench.passwords import without_password

    return tuple(
        word
        for name in OF_THE_PLACE
        if _typed(context, name) or _typed(context, name, "DEFAULT_MAP")
        for word in (f"--{name.replace('_', '-')}", without_password(str(context.params[name])))
    )


def _typed(context: typer.Context, name: str, source: str = "COMMANDLINE") -> bool:
    found = context.get_parameter_source(name)
    return found is not None and found.name == source


def _names(option: str, comma_list: str) -> tuple[str, ...]:
    from bench.errors import BenchError

    names = tuple(name.strip() for name in comma_list.split(",") if name.strip())
    if comma_list and not names:
        raise BenchError(f"--{option} {comma_list!r} names none: leave it out to search all, see bench list {option}")
    return names
