"""`bench run`: a study from the command line."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench import api
from bench.cli.common import command_line, installed_plugins
from bench.cli.describe_study import describe
from bench.cli.leaderboard import print_leaderboard
from bench.cli.option_flags import merged, read_config, takes_run_options
from bench.errors import WrongUsage
from bench.files import results_directory
from bench.options import SEARCH, STUDY, checked_options, flag
from bench.plugins.references import dataset_config, dataset_reference
from bench.reporting.progress import study_progress
from bench.results.study_folder import find_run, open_study

if TYPE_CHECKING:
    from bench.search.callback import StudyCallback
    from bench.search.run_study import Ending

EPILOG = "bench run --dataset speechcommands-digits --trials 100   |   bench run --resume fsdd-1 --trials 200"


@takes_run_options
def command(
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            "-d",
            help="Data set: fsdd, folder:PATH, csv:FILE. See: bench list datasets. With --resume: where its files are now.",
            rich_help_panel=SEARCH,
            show_default=False,
        ),
    ] = "",
    resume: Annotated[
        str,
        typer.Option(
            "--resume",
            metavar="STUDY",
            help="Continue a study as it was begun; options beside it replace its own, and --trials raises its number.",
            rich_help_panel=STUDY,
            show_default=False,
        ),
    ] = "",
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="TOML file with any of these options, and a table \\[set] of settings. The command line goes before it.",
            rich_help_panel=SEARCH,
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool | None,
        typer.Option("--dry-run", help="Say what would be done, and how long it would take.", rich_help_panel=SEARCH),
    ] = None,
    **given: Any,
) -> int:
    """Search features, models and training settings for a data set, then retrain and test the best."""
    options = merged({} if config is None else read_config(config), given)
    dataset = dataset or str(options.pop("dataset", ""))
    dry_run = bool(options.pop("dry_run", False)) if dry_run is None else dry_run
    if not dataset and not resume:
        raise WrongUsage("bench run needs --dataset NAME, or --resume STUDY to continue one: see bench run --help")
    callback = study_progress()
    with callback:
        study = _resumed(resume, dataset, options, callback) if resume else _new(dataset, options, callback)
        for line in study.notes:
            callback.warning(line)
        for line in api.headline(study):
            callback.note(line)
    if dry_run:
        describe(study)
        return 0
    ending = _run(study, callback)
    if not ending.interrupted:
        _show(study)
    api.require_complete(study, ending)
    return 0


def _new(dataset: str, options: Mapping[str, Any], callback: StudyCallback) -> api.ResolvedStudy:
    registry, checked = installed_plugins(), checked_options(options, spell=flag)
    dataset_config(registry, dataset, checked.settings)  # a wrong name is said before torch and Optuna are imported
    return api.resolve_new(dataset, checked, registry=registry, command=command_line(), callback=callback)


def _resumed(study: str, dataset: str, options: Mapping[str, Any], callback: StudyCallback) -> api.ResolvedStudy:
    registry = installed_plugins()
    open_study(results_directory(options.get("results")), study)  # as above
    return api.resolve_resumed(study, options, registry=registry, callback=callback, spell=flag, dataset=dataset)


def _run(study: api.ResolvedStudy, callback: StudyCallback) -> Ending:
    resume = api.resume_command(study)
    with api.held(study) as storage:
        try:
            with callback:
                ending = api.execute(study, storage, callback)
        except BaseException:  # whatever it is: what has finished is safe
            _say(f"to continue: {resume}")
            raise
    wanted = study.record.trials
    if ending.trials < wanted or ending.interrupted:
        _say(f"{ending.trials} of {wanted} trials are done; to continue: {resume}")
    return ending


def _say(line: str) -> None:
    """Prints a line: on the error stream if nobody reads the output any more, as after `| head`."""
    try:
        print(line, flush=True)
    except OSError:
        print(line, file=sys.stderr)


def _show(study: api.ResolvedStudy) -> None:
    """Prints what a finished study came to, and where to find it."""
    folder, results = study.folder, study.folder.folder.parent
    statuses = Counter(trial.result.status for trial in folder.trials())
    print(f"trials: {', '.join(f'{number} {status}' for status, number in statuses.most_common())}")
    if not any(final.result.test for final in folder.finals()):
        print("no configuration was tested: no trial or no final was complete, or --finalists is 0")
        return
    dataset = dataset_reference(study.registry, study.record.dataset)
    print_leaderboard(results, dataset, registry=study.registry)
    median = find_run(results, folder.name)[1]
    report = folder.report_folder(median) / "report.md"
    elsewhere = () if study.options.results is None else ("--results", str(study.options.results))
    print(f"report of the best, with the figures of its median seed: {report}")
    print(f"all files:          {folder.folder}")
    print(f"browse the trials:  {shlex.join(['bench', 'ui', *elsewhere])}")
    publish = ["bench", "leaderboard", dataset, "--publish", "leaderboards/", *elsewhere]
    print(f"publish the table:  {shlex.join(publish)}")
