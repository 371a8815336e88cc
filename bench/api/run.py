"""`bench.run` and `bench.resume`: a study from Python."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast, get_type_hints

from bench.api.calling import keywords_in_errors, study_callback
from bench.api.plugins import with_classes, with_plugin_objects
from bench.api.study import Study
from bench.errors import WrongUsage
from bench.files import results_directory
from bench.options import RunOptions, checked_options, keyword, option
from bench.plugins.contracts import Plugin
from bench.results.study_folder import located

if TYPE_CHECKING:
    from bench.api.resolve import ResolvedStudy
    from bench.search.callback import StudyCallback

Keywords = ParamSpec("Keywords")
Target = TypeVar("Target")
FIXED = tuple(name for name in RunOptions.model_fields if option(name).resume == "fixed")
"""Options that no resume can change."""


class RunKeywords(RunOptions):
    """The keywords of `bench.run`: the options of a run, and what concerns the caller alone."""

    progress: bool = False
    """Whether to print what happens. Otherwise nothing is printed; `Study.notes` has what a person should read."""


class ResumeKeywords(RunKeywords):
    """The keywords of `bench.resume`: those of `bench.run`, and the classes that the study was begun with."""

    plugins: tuple[type[Plugin], ...] | list[type[Plugin]] = ()
    """The classes that the study was begun with beside the installed plugins."""

    dataset: str = ""
    """Where the files of its data set are now, as `folder:NEW`, if they have moved."""


def _with_keywords_of(
    model: Callable[Keywords, RunKeywords], *, leave_out: Collection[str] = ()
) -> Callable[[Callable[Concatenate[Target, ...], Study]], Callable[Concatenate[Target, Keywords], Study]]:
    """Gives a function the fields of a model as keywords after its first parameter: for type checkers, `help`, completion.

    Args:
        model: The model.
        leave_out: Fields that `help` does not show.
    """

    def documented(
        function: Callable[Concatenate[Target, ...], Study],
    ) -> Callable[Concatenate[Target, Keywords], Study]:
        first = next(iter(inspect.signature(function).parameters.values()))
        keywords = cast("type[RunKeywords]", model)
        types = get_type_hints(keywords)
        fields = {name: field for name, field in keywords.model_fields.items() if name not in leave_out}
        parameters = inspect.signature(keywords).parameters
        shown = [parameters[name].replace(annotation=types[name]) for name in fields]
        of_first = get_type_hints(function)[first.name]
        signature = inspect.Signature([first.replace(annotation=of_first), *shown], return_annotation=Study)
        function.__signature__ = signature  # type: ignore[attr-defined]
        texts = [f"{name}: {field.description}" for name, field in fields.items()]
        lines = [fill(" ".join(text.split()), 100, subsequent_indent=12 * " ") for text in texts]
        function.__doc__ = (function.__doc__ or "").replace("KEYWORDS", ("\n" + 8 * " ").join(lines))
        return function

    return documented


@_with_keywords_of(RunKeywords)
def run(dataset: str, *, progress: bool = False, **options: Any) -> Study:  # noqa: D417 (KEYWORDS stands for the rest)
    """Searches features, models and training settings for a data set, then retrains and tests the best.

    It runs anywhere: in a notebook, in a script without a main guard, in a thread. Worker processes do not run the calling
    script again. Among `models` and `features` there may be classes and instances beside names, also of classes that the
    calling script defines, which reach the workers by value; what an instance sets stays fixed in the search.

    Args:
        dataset: The data set as on the command line: `fsdd`, `folder:PATH`, `csv:FILE`.
        KEYWORDS

    Returns:
        The study, with its trials, finals, leaderboard and best run.

    Raises:
        BenchError: If an option, a plugin or the data cannot be used, no trial or no final was complete, or going on makes
            no sense; what has finished is kept.
        KeyboardInterrupt: After Ctrl-C, once what ran is finished; after a second one at once.

    Example:
        >>> study = bench.run("folder:recordings", trials=20, models=["tc-resnet"], epochs=8)
    """
    from bench.api.resolve import resolve_new

    if not isinstance(dataset, str):
        raise WrongUsage(f"a data set is named by text, as 'fsdd' or 'folder:recordings', not by {dataset!r}")
    callback = study_callback(progress)
    with callback, keywords_in_errors():
        checked, registry = with_plugin_objects(checked_options(options))
        command = (
            f"bench.run({', '.join([repr(dataset), *(f'{name}={_shown(value)}' for name, value in options.items())])})"
        )
        study = resolve_new(dataset, checked, registry=registry, command=command, callback=callback)
        return _run(study, callback)


@_with_keywords_of(ResumeKeywords, leave_out=FIXED)
def resume(  # noqa: D417 (KEYWORDS stands for the rest)
    study: str | Path,
    *,
    plugins: Iterable[type[Plugin]] = (),
    dataset: str = "",
    progress: bool = False,
    **changes: Any,
) -> Study:
    """Goes on with a study where it stands; finished runs are never run again. What is not given stays as the study has it.

    Args:
        study: Its folder, or its name in the results folder.
        KEYWORDS

    Returns:
        The study.

    Raises:
        BenchError: If there is no such study, an option is unknown or belongs to the study, its data or plugins have
            changed, or no trial was complete.
    """
    from bench.api.resolve import resolve_resumed

    results, name = located(study)
    if results != results_directory(None).absolute():
        changes = {"results": results, **changes}
    callback = study_callback(progress)
    with callback, keywords_in_errors():
        resolved = resolve_resumed(
            name, changes, registry=with_classes(plugins), callback=callback, spell=keyword, dataset=dataset
        )
        return _run(resolved, callback)


def _shown(value: object) -> str:
    """An option as it is typed in Python: classes by name, and instances with what they set."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, Plugin):
        fields = (f"{name}={getattr(value, name)!r}" for name in sorted(value.model_fields_set))
        return f"{type(value).__name__}({', '.join(fields)})"
    return repr(str(value) if isinstance(value, Path) else value)


def _run(study: ResolvedStudy, callback: StudyCallback) -> Study:
    from bench.api.execution import execute, held, require_complete
    from bench.api.resolve import headline

    for line in study.notes:
        callback.warning(line)
    for line in headline(study):
        callback.note(line)
    with held(study) as storage:
        ending = execute(study, storage, callback)
    require_complete(study, ending)
    return Study(study.folder, registry=study.registry)
