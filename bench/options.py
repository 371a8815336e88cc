"""Every option of a run, once: its type, default, unit, bounds and help.

The command line, a `--config` file, the keywords of `bench.run`, what a study records and what a resume keeps are all made
from `RunOptions`. To add an option, add a field here and use it where it acts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bench.errors import WrongUsage, did_you_mean
from bench.passwords import stripped_of_password, without_password
from bench.plugins import Feature, Model

SEARCH = "What to search"
FINALS = "Finals"
STUDY = "The study"
WHERE = "Where and how it runs"

PROTOCOLS = ("official", "folds", "leave-one-group-out", "k-fold", "repeated")
"""How the clips of a data set can be divided into train, validation and test."""
TRACKING_SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks")
"""Beginnings of the addresses at which MLflow keeps runs."""
LOCAL, RAY, IN_PROCESS = "local", "ray", "in-process"
"""Names of the executors that come with bench; `--workers 0` asks for the last, too."""
COUNTED = ("k-fold", "repeated")
"""Protocols that take a number of outer folds after a colon."""

Resume = Literal["fixed", "raised", "persistent", "once"]
"""What a resume does with an option: `fixed` options belong to the study and cannot change; `raised` ones can only grow;
`persistent` ones stay as they were unless the resume gives others; `once` ones hold for one command alone."""


@dataclass(frozen=True)
class Option:
    """How a field of `RunOptions` appears on the command line, and what a resume does with it."""

    panel: str
    resume: Resume
    short: str = ""
    """A second, short spelling: `-n`."""
    flag: str = ""
    """Another spelling than the field's name with hyphens."""
    metavar: str = ""
    default: str = ""
    """What the default comes to, where it depends on the machine or the data set."""
    environment: str = ""
    """Environment variable that is read where the option is not given."""
    executor: Literal["", "local", "ray"] = ""
    """The executor that the option is for, of those that come with bench; empty for all. One of a plugin may use it, too."""


def parse_settings(given: object) -> object:
    """Settings by dotted name, from a mapping (nested or dotted) or from `KEY=VALUE` lines, whose values are read as JSON.

    Raises:
        ValueError: If a line is not `KEY=VALUE`, or a value is a number that is not finite.
    """
    if isinstance(given, Mapping):
        return _finite(_flat(given))
    if not isinstance(given, Sequence) or isinstance(given, str):
        return given
    parsed: dict[str, Any] = {}
    for line in given:
        key, equals, value = str(line).partition("=")
        if not equals or not key:
            raise ValueError(f"{line!r} is not KEY=VALUE, as in training.batch_size=64")
        try:
            parsed[key] = json.loads(value)
        except ValueError:
            parsed[key] = None if value in ("none", "None") else value
    return _finite(parsed)


def _finite(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings unchanged. Raises ValueError if a number is not finite: no record could hold it, since JSON has none."""
    for key, value in settings.items():
        for number in value if isinstance(value, list | tuple) else (value,):
            if isinstance(number, float) and not math.isfinite(number):
                raise ValueError(f"{key} cannot be {number}: give a finite number")
    return settings


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"training": {"epochs": 3}}` as `{"training.epochs": 3}`."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _at_most(most: int) -> AfterValidator:
    """Refuses a number of runs or epochs that no machine comes to the end of, with the time that they would take."""

    def check(given: int | None) -> int | None:
        if given is not None and given > most:
            hours = min(given, 10**18) / 3600  # a number of hundreds of digits has no float
            time = f"{hours / 365 / 24:,.0f} years" if hours > 365 * 24 else f"{hours:,.0f} hours"
            raise ValueError(f"at a second each they would take {time}; {most:,} are the most")
        return given

    return AfterValidator(check)


def _names(given: object) -> object:
    """`"cnn,tc-resnet"` as a tuple of names."""
    if not isinstance(given, str):
        return given
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    if not names:
        raise ValueError(f"{given!r} names none: leave it out for all of them")
    return names


def _protocol(given: str) -> str:
    kind, colon, number = given.partition(":")
    if kind not in PROTOCOLS:
        raise ValueError(did_you_mean(kind, PROTOCOLS))
    if (kind in COUNTED) != bool(colon) or (colon and not (number.isdecimal() and 2 <= int(number) <= 50)):
        raise ValueError(
            f"give its number of outer folds, 2 to 50, as in {kind}:5" if kind in COUNTED else f"{kind} takes no number"
        )
    return given


def _tracking_uri(given: str | None) -> str | None:
    if given is None or given in ("none", "databricks"):
        return given
    scheme, separator, rest = given.partition("://")
    if separator and rest and (scheme.partition("+")[0] in TRACKING_SCHEMES):
        return given
    if re.fullmatch(r"[\w.-]+:\d+(/.*)?", given):
        raise ValueError(f"write http://{given} for a server")
    if not separator or scheme == "file":
        raise ValueError("folders hold no runs of MLflow any more: give a database, as sqlite:///mlflow.db")
    raise ValueError(
        f"no address of MLflow begins with {scheme}://: give http://HOST:PORT, or a database, as sqlite:///mlflow.db"
    )


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)


Folder = Annotated[Path | str | None, AfterValidator(_path)]
Settings = Annotated[dict[str, Any], BeforeValidator(parse_settings)]
Models = Annotated[Sequence[str | type[Model] | Model], BeforeValidator(_names), AfterValidator(tuple)]
Classes = Annotated[Sequence[str], BeforeValidator(_names), AfterValidator(tuple)]
Features = Annotated[Sequence[str | type[Feature] | Feature], BeforeValidator(_names), AfterValidator(tuple)]


class RunOptions(BaseModel):
    """Options of `bench run` and `bench.run`. Each field's text is its help on the command line and in Python."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    trials: Annotated[int, Field(ge=1), _at_most(1_000_000), Option(SEARCH, "raised", short="-n")] = 100
    """Number of trials in all."""

    models: Annotated[Models, Option(SEARCH, "fixed", metavar="NAME,...", default="all that fit")] = ()
    """Models to search, as in cnn,tc-resnet."""

    features: Annotated[Features, Option(SEARCH, "fixed", metavar="NAME,...", default="all that fit")] = ()
    """Features to search, as in mel,mfcc."""

    classes: Annotated[Classes, Option(SEARCH, "fixed", metavar="NAME,...", default="all")] = ()
    """Classes of the data set to take, as in cat,dog; their results have rows of their own."""

    epochs: Annotated[int | None, Field(ge=1), _at_most(1_000_000), Option(SEARCH, "fixed", default="searched")] = None
    """Number of epochs of every trial, instead of a searched one."""

    settings: Annotated[Settings, Option(SEARCH, "fixed", flag="--set", metavar="KEY=VALUE")] = {}
    """Fixes an option, dataset.split=speaker, or lists its values, training.epochs=[4,8]. Repeatable."""

    max_parameters: Annotated[int | None, Field(ge=1, le=10**12), Option(SEARCH, "fixed", default="any number")] = None
    """Number of parameters that a network may have: a trial whose network has more is infeasible."""

    seed: Annotated[int, Field(ge=0, lt=2**32), Option(SEARCH, "fixed")] = 0
    """Seed of the whole study."""

    pruner: Annotated[Literal["median", "halving", "none"], Option(SEARCH, "fixed")] = "median"
    """Rule by which poor trials are stopped early: median, halving or none."""

    protocol: Annotated[str, AfterValidator(_protocol), Option(SEARCH, "fixed")] = "official"
    """How clips are divided: official, folds, leave-one-group-out, k-fold:5 or repeated:5. With several outer folds the
    search sees the first; finals train and test all."""

    nested: Annotated[bool, Option(SEARCH, "fixed")] = False
    """Searches anew in every outer fold, with as many trials in each, so that no clip chooses the configuration that is
    tested on it. Each fold's best is its one finalist."""

    finalists: Annotated[int, Field(ge=0), _at_most(10_000), Option(FINALS, "fixed")] = 3
    """Number of configurations, the best by validation, that are retrained and tested."""

    final_seeds: Annotated[int, Field(ge=1), _at_most(10_000), Option(FINALS, "fixed")] = 3
    """Number of seeds that each finalist is retrained with."""

    no_pretrained: Annotated[bool, Option(SEARCH, "fixed")] = False
    """Leaves out features whose weights were trained on other data, so that rows compare training from scratch."""

    robustness: Annotated[bool, Option(FINALS, "fixed")] = False
    """Also tests the finals under noise, other levels, a delay, a telephone's band and MP3, by one pass each."""

    study: Annotated[str, Option(STUDY, "fixed", metavar="NAME", default="the data set's, numbered")] = ""
    """Name of the study."""

    allow_changed_versions: Annotated[bool, Option(STUDY, "once")] = False
    """Goes on with a study although versions or the code of plugins have changed since it began; its page names both."""

    workers: Annotated[
        int | None,
        Field(ge=0, le=1000),
        Option(WHERE, "persistent", short="-w", default="1; on GPUs, what --workers-per-gpu makes"),
    ] = None
    """Number of trials that run at the same time. 0 runs them inside this process and without MLflow, for debugging and
    tests."""

    workers_per_gpu: Annotated[
        int | None, Field(ge=1, le=100), Option(WHERE, "persistent", default="1", executor="local")
    ] = None
    """Number of workers on each visible GPU: small networks leave room for several."""

    device: Annotated[Literal["auto", "cpu", "cuda"], Option(WHERE, "persistent")] = "auto"
    """Device that trains: auto, cpu or cuda."""

    threads: Annotated[
        int | None, Field(ge=1, le=1000), Option(WHERE, "persistent", default="cores / workers", executor="local")
    ] = None
    """Number of torch threads of a worker. Give 1 where other programs use the cores; spare cores prefetch batches."""

    compile: Annotated[bool, Option(WHERE, "fixed")] = False
    """Trains with code that torch.compile generates, if it can. On a CPU a new configuration costs 10 to 30 s, and its steps
    take 15 to 20 % less: for long trainings. It may change the last digits."""

    timeout: Annotated[float | None, Field(ge=0), Option(WHERE, "once", default="none")] = None
    """Seconds after which no trial starts; finals follow."""

    trial_timeout: Annotated[float, Field(ge=1), Option(WHERE, "persistent")] = 1800.0
    """Seconds that a trial may go without finishing an epoch."""

    trial_budget: Annotated[
        float | None, Field(ge=0), Option(WHERE, "persistent", default="600 on a cpu, any number on cuda")
    ] = None
    """Seconds of training that a trial may take: one whose first steps show that it would take longer is pruned. 0 allows
    any number."""

    executor: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"), Option(WHERE, "persistent", metavar="NAME")
    ] = LOCAL
    """Where trials run: local for processes of this machine, ray for the nodes of a Ray cluster, or one of a plugin (see
    bench list executors)."""

    ray_address: Annotated[str | None, Option(WHERE, "persistent", default="one is started here", executor="ray")] = (
        None
    )
    """HOST:PORT of a Ray cluster, or auto for the one that this machine is in."""

    cpus_per_trial: Annotated[float, Field(ge=0.1), Option(WHERE, "persistent", executor="ray")] = 1.0
    """Number of CPUs that Ray reserves for a trial, which is also its number of torch threads."""

    gpus_per_trial: Annotated[float, Field(ge=0), Option(WHERE, "persistent", executor="ray")] = 0.0
    """Number of GPUs that Ray reserves for a trial; 0.5 shares one."""

    storage: Annotated[
        str | None, Option(WHERE, "persistent", metavar="URL", default="a file in the study's folder")
    ] = None
    """PostgreSQL server that keeps the study, as postgresql://USER@HOST/DATABASE."""

    tracking_uri: Annotated[
        str | None,
        AfterValidator(_tracking_uri),
        Option(WHERE, "persistent", metavar="URI", default="RESULTS/mlflow.db"),
    ] = None
    """MLflow server or database that logs the trials; none for no logging."""

    max_unusable: Annotated[float, Field(ge=0, le=1), Option(WHERE, "persistent")] = 0.05
    """Share of the clips, 0 to 1, that may be missing, unreadable or silent."""

    data_dir: Annotated[
        Folder, Option(WHERE, "persistent", default="the user's data folder", environment="BENCH_DATA_DIR")
    ] = None
    """Folder that holds data sets under their official names; nothing is downloaded into it unasked."""

    results: Annotated[Folder, Option(WHERE, "once", default="bench-results", environment="BENCH_RESULTS_DIR")] = None
    """Folder of studies."""

    @model_validator(mode="after")
    def _fit_the_executor(self) -> Self:
        for name in self.model_fields_set:
            meant = option(name).executor
            elsewhere = self.executor in (LOCAL, RAY, IN_PROCESS) and meant not in ("", self.executor)
            if elsewhere and getattr(self, name) != type(self).model_fields[name].default:
                instead = RAY_INSTEAD.get(name, "leave it out")
                raise ValueError(f"{{{name}}} is for {{executor}} {meant}: {instead}")
        if self.workers == 0 and self.executor not in (LOCAL, IN_PROCESS):
            raise ValueError(
                f"{{workers}} 0 runs trials inside this process, and {{executor}} {self.executor} does not: leave one out"
            )
        if self.workers and self.executor == IN_PROCESS:
            raise ValueError("{executor} in-process runs one trial at a time, inside this process: leave out {workers}")
        return self

    @model_validator(mode="after")
    def _say_epochs_once(self) -> Self:
        if self.epochs is not None and "training.epochs" in self.settings:
            raise ValueError("{epochs} and {settings} training.epochs say the same: leave one out")
        return self

    @model_validator(mode="after")
    def _nest_in_folds(self) -> Self:
        if self.nested and self.protocol == "official":
            raise ValueError(
                "{nested} needs several outer folds: give {protocol} leave-one-group-out or k-fold:5, or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _say_classes_once(self) -> Self:
        if self.classes and "dataset.classes" in self.settings:
            raise ValueError("{classes} and {settings} dataset.classes say the same: leave one out")
        return self

    @property
    def dataset_settings(self) -> dict[str, Any]:
        """The settings by dotted name, with the classes to take among them."""
        return {**self.settings, "dataset.classes": list(self.classes)} if self.classes else self.settings

    @property
    def search_settings(self) -> dict[str, Any]:
        """The settings of the search by dotted name, with the number of epochs among them."""
        return self.settings if self.epochs is None else {**self.settings, "training.epochs": self.epochs}

    def recorded(self) -> RunOptions:
        """These options as a study keeps them: with absolute paths, without passwords and without what holds only once."""
        once = {name: field.default for name, field in type(self).model_fields.items() if option(name).resume == "once"}
        here = {"data_dir": None if self.data_dir is None else Path(self.data_dir).expanduser().absolute()}
        urls = {
            name: url and stripped_of_password(url)
            for name in ("storage", "tracking_uri")
            for url in [getattr(self, name)]
        }
        return self.model_copy(update={**once, **here, **urls})

    def resumed(self, given: Mapping[str, Any], *, spell: Callable[[str], str]) -> RunOptions:
        """The options of a resume: these recorded ones, but for what is `given` now.

        Raises:
            WrongUsage: If an option is given that belongs to the study.
        """
        for name in given:
            if name in type(self).model_fields and option(name).resume == "fixed":
                raise WrongUsage(
                    f"{spell(name)} cannot change a study that has begun: leave it out, or start another study"
                )
        values = {name: getattr(self, name) for name in self.model_fields_set}
        resumed = checked_options({**values, **given}, spell=spell)
        return resumed.model_copy(update={"trials": max(self.trials, resumed.trials)})


RAY_INSTEAD = {
    "threads": "with ray, {cpus_per_trial} says how many threads a trial has",
    "workers_per_gpu": "with ray, {gpus_per_trial} 0.5 shares a GPU",
}


def option(name: str) -> Option:
    """The command-line side of a field of `RunOptions`."""
    return next(meta for meta in RunOptions.model_fields[name].metadata if isinstance(meta, Option))


def flag(name: str) -> str:
    """The long spelling of a field on the command line: `--final-seeds`."""
    return option(name).flag or f"--{name.replace('_', '-')}"


def keyword(name: str) -> str:
    """The spelling of a field in Python: `final_seeds`."""
    return name


def in_keywords(message: str) -> str:
    """An error message as it is read from Python: options by their keywords, except in whole commands."""
    keywords = {flag(name): name for name in RunOptions.model_fields}
    return re.sub(r"bench [a-z-]+(?: [^,;:]*)?|--[a-z][a-z-]*", lambda match: keywords.get(match[0], match[0]), message)


def checked_options(given: Mapping[str, Any], *, spell: Callable[[str], str] = keyword) -> RunOptions:
    """Options from what was given by name.

    Args:
        given: Values by field name.
        spell: Spells a field's name as the user wrote it, for the message.

    Raises:
        WrongUsage: If there is no such option, or a value is of another type or out of its bounds.
    """
    for name, value in given.items():
        if name not in RunOptions.model_fields:
            known = [spell(known) for known in RunOptions.model_fields]
            raise WrongUsage(f"no such option {name!r}: {did_you_mean(name, known)}")
        if isinstance(value, bool) != (RunOptions.model_fields[name].annotation is bool):  # or True would be 1
            verb = "should not be" if isinstance(value, bool) else "should be"
            raise WrongUsage(f"{spell(name)} {value!s}: it {verb} true or false")
    try:
        return RunOptions(**given)
    except ValidationError as error:
        complaint = error.errors()[0]
        message = complaint["msg"].removeprefix("Value error, ")
        if not complaint["loc"]:
            raise WrongUsage(re.sub(r"\{(\w+)\}", lambda named: spell(named[1]), message)) from None
        name = str(complaint["loc"][0])
        message = f"{message[:1].lower()}{message[1:]}".replace("input should", "it should")
        value = complaint["input"] if isinstance(complaint["input"], str | int | float) else given[name]
        raise WrongUsage(without_password(f"{spell(name)} {value!s}: {message}")) from None
