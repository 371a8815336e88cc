"""`bench run`: a study from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.common import DataDir, MaxUnusable, ResultsDir, Settings


def command(
    context: typer.Context,
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="Data set: fsdd, folder:PATH, csv:FILE. See: bench list datasets")
    ] = "",
    trials: Annotated[
        int | None, typer.Option("--trials", "-n", min=1, help="Trials in all.  \\[default: 100]", show_default=False)
    ] = None,
    resume: Annotated[
        str, typer.Option("--resume", metavar="STUDY", help="Continue a study; --trials can raise its number.")
    ] = "",
    study: Annotated[
        str, typer.Option("--study", metavar="NAME", help="Name of the study.  \\[default: the data set's, numbered]")
    ] = "",
    models: Annotated[str, typer.Option("--models", help="Search these only, as in cnn,tc-resnet.")] = "",
    features: Annotated[str, typer.Option("--features", help="Search these only, as in mel,mfcc.")] = "",
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Epochs of every trial, instead of a searched number.")
    ] = None,
    settings: Settings = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="TOML file with any of these options, and a table \\[set] of settings. The command line goes before it.",
            callback=lambda context, path: _read_config(context, path),
            is_eager=True,
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the whole study.")] = 0,
    workers: Annotated[int, typer.Option("--workers", "-w", min=1, help="Trials that run at the same time.")] = 1,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Torch threads of a worker.  \\[default: cores / workers]")
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=0, help="Seconds after which no trial starts; finals follow."),
    ] = None,
    trial_timeout: Annotated[
        float, typer.Option("--trial-timeout", min=1, help="Seconds that a trial may go without finishing an epoch.")
    ] = 1800,
    finalists: Annotated[
        int, typer.Option("--finalists", min=0, help="Configurations that are retrained and tested.")
    ] = 3,
    final_seeds: Annotated[
        int, typer.Option("--final-seeds", min=1, help="Seeds that each finalist is retrained with.")
    ] = 3,
    pruner: Annotated[str, typer.Option("--pruner", help="median, halving or none.")] = "median",
    max_unusable: MaxUnusable = 0.05,
    data_dir: DataDir = None,
    results: ResultsDir = None,
    tracking_uri: Annotated[
        str | None, typer.Option("--tracking-uri", help="MLflow server or database.  \\[default: RESULTS/mlflow.db]")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and how long it would take.")
    ] = False,
) -> None:
    """Search features, models and training settings for a data set, then retrain and test the best."""
    from bench.cli.common import command_line, parse_settings, registry
    from bench.cli.study_run import StudyRun, begin, go_on
    from bench.errors import BenchError
    from bench.files import data_directory, results_directory
    from bench.results.records import StudyRequest

    if bool(dataset) == bool(resume):
        raise BenchError("bench run needs --dataset NAME, or --resume STUDY to continue one: see bench run --help")
    if pruner not in ("median", "halving", "none"):
        raise BenchError(f"--pruner {pruner}: choose median, halving or none")
    if resume:
        _refuse_what_a_resume_cannot_change(context)
    run = StudyRun(
        registry=registry(),
        results=results_directory(results),
        data_dir=data_directory(data_dir),
        workers=workers,
        device=device,
        threads=threads,
        timeout=timeout,
        trial_timeout=trial_timeout,
        max_unusable=max_unusable,
        tracking_uri=tracking_uri,
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
    )


CONFIG_SETTINGS = "bench.settings"
"""Where the settings of a TOML file wait for those of the command line."""


OF_THE_STUDY = (
    *("study", "models", "features", "epochs", "settings", "seed"),
    *("finalists", "final_seeds", "pruner"),
)
"""Options that a study keeps from its first command on."""
OF_THE_PLACE = ("results", "data_dir", "max_unusable", "tracking_uri")
"""Options without which a study of this command would not be found again, or not be what it was."""


def _refuse_what_a_resume_cannot_change(context: typer.Context) -> None:
    """Raises BenchError rather than leave out what the user has typed."""
    from bench.errors import BenchError

    for option in OF_THE_STUDY:
        if _typed(context, option):
            raise BenchError(
                f"--{'set' if option == 'settings' else option.replace('_', '-')} cannot change a study that has begun: "
                "leave it out, or start another study with --dataset"
            )


def _given_again(context: typer.Context) -> tuple[str, ...]:
    """What a resume of this command has to repeat, as it is typed; passwords are masked."""
    from bench.passwords import without_password

    return tuple(
        word
        for option in OF_THE_PLACE
        if _typed(context, option) or _typed(context, option, "DEFAULT_MAP")
        for word in (f"--{option.replace('_', '-')}", without_password(str(context.params[option])))
    )


def _typed(context: typer.Context, option: str, source: str = "COMMANDLINE") -> bool:
    found = context.get_parameter_source(option)
    return found is not None and found.name == source


def _names(option: str, comma_list: str) -> tuple[str, ...]:
    from bench.errors import BenchError

    names = tuple(name.strip() for name in comma_list.split(",") if name.strip())
    if comma_list and not names:
        raise BenchError(f"--{option} {comma_list!r} names none: leave it out to search all, see bench list {option}")
    return names


def _read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Makes a TOML file's values the defaults of the command line. Raises BenchError on a file that is not one."""
    if path is None:
        return None
    import json
    import tomllib

    from bench.errors import BenchError, did_you_mean

    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise BenchError(f"--config {path} cannot be read ({error.strerror}): check the path") from None
    except UnicodeDecodeError:
        raise BenchError(f"--config {path} is not TOML: it is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"--config {path} is not TOML: {error}") from None
    settings = content.pop("set", {})
    if not isinstance(settings, dict):
        raise BenchError(f"--config {path}: set is a table of settings, as in [set] and below it training.epochs = 8")
    context.meta[CONFIG_SETTINGS] = [
        f"{key}={json.dumps(value, default=str)}" for key, value in _flat(settings).items()
    ]
    known = {parameter.name for parameter in context.command.params if parameter.name not in ("settings", "config")}
    defaults = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name not in known:
            options = [str(option).replace("_", "-") for option in known]
            raise BenchError(f"--config {path} has no option {key!r}: {did_you_mean(key, options)}")
        if isinstance(value, list) and name not in ("features", "models"):
            raise BenchError(f"--config {path}: {key} takes one value, not the list {value}")
        if isinstance(value, bool) != (name == "dry_run") or not isinstance(value, str | int | float | list):
            kind = "true or false" if name == "dry_run" else "text or a number"
            raise BenchError(f"--config {path}: {key} cannot be {value!r}: write {kind}")
        defaults[name] = ",".join(str(item) for item in value) if isinstance(value, list) else value
    context.default_map = {**(context.default_map or {}), **defaults}
    return path


def _flat(table: dict[str, object], prefix: str = "") -> dict[str, object]:
    """`{"training": {"epochs": 3}}` as `{"training.epochs": 3}`."""
    flat: dict[str, object] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
