"""The search: trials that Optuna proposes, until exactly as many as were asked for have ended."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import optuna
from optuna.trial import TrialState

from bench.executors.jobs import Job
from bench.plugins.references import without_path
from bench.plugins.registry import Registry
from bench.results.study_folder import StudyFolder, validation_score
from bench.results.study_records import RunRecord, StudyRecord, run_name
from bench.search.assignment import Assignment
from bench.search.failures import FailureWatch, sampler_state
from bench.search.space import Candidate, Configuration, SearchSpace
from bench.search.study_storage import DATABASE_FILE, Answer, Database, Note, SqliteDatabase
from bench.trial import Epoch, TrialSpec
from bench.trial.plugin_code import with_code

CONFIGURATION = "configuration"
"""Attribute of an Optuna trial that was queued: all of its configuration, as JSON."""


class SearchSource:
    """The trials of a study, which Optuna proposes. See `bench.search.assignment.Source`."""

    def __init__(
        self,
        *,
        record: StudyRecord,
        space: SearchSpace,
        study: StudyFolder,
        registry: Registry,
        optuna_study: optuna.Study,
        candidates: list[Candidate],
        deadline: float | None = None,
        database: Database | None = None,
        note: Note = print,
    ) -> None:
        """Takes up where the results folder and Optuna left off.

        Args:
            record: The study as it was asked for, with the data of the outer fold that is searched in.
            space: What is searched.
            study: Folder of the results.
            registry: Plugins of the space, whose code is part of every specification.
            optuna_study: Optuna's side of the study.
            candidates: Configurations that are tried first, in order.
            deadline: Time of `time.monotonic` after which no trial is handed out; None for no such time.
            database: Where `optuna_study` is kept, the file in the study's folder unless given.
            note: Called with a human-readable line when the database is waited for.
        """
        self._record = record
        self._space = space
        self._optuna = optuna_study
        self._deadline = deadline
        self._study = study
        self._registry = registry
        self._candidates = candidates
        self._database = database or SqliteDatabase(study.folder / DATABASE_FILE)
        self._note = note
        self._asked: dict[int, optuna.Trial] = {}
        """Trials in the workers' hands, by number."""
        finished = {run.number: run for run in study.trials(record.data.fold_name)}
        self.counted = sum(run.result.status != "lost" for run in finished.values())
        """Number of trials that have ended and count towards the total."""
        self.complete = sum(run.result.status == "complete" for run in finished.values())
        """Number of trials that are complete."""
        self._watch = FailureWatch(complete=self.complete)
        self._next_number = 0
        self._call(self._bring_up)

    def next(self) -> Assignment | None:
        if self.counted + len(self._asked) >= self._record.options.trials:
            return None
        if self._deadline is not None and time.monotonic() > self._deadline:
            return None
        return self._call(self._ask, again=self._ask_again)

    def _ask(self) -> Assignment:
        trial = self._optuna.ask()
        number = self._number(trial)
        origin = str(trial.user_attrs.get("origin", "sampler"))
        configuration = self._space.suggest(trial)
        if CONFIGURATION in trial.user_attrs:  # a candidate's options that are not searched are its own
            configuration = Configuration.model_validate_json(trial.user_attrs[CONFIGURATION])
        spec = self._spec(configuration, number)
        name = run_name("trial", number, 0, spec.fold)
        trial.set_user_attr("number", number)
        trial.set_user_attr("folder", name)
        self._asked[number] = trial
        job = Job(name, spec, self._record.data.without_test(), self._record.options)
        return Assignment(job, "trial", number, origin=origin)

    def epoch(self, assignment: Assignment, epoch: Epoch) -> bool:
        trial = self._asked[assignment.number]
        value = epoch.validation_score(self._record.objective)

        def go_on() -> bool:
            trial.report(value, epoch.number)
            return not trial.should_prune()

        return self._call(go_on)

    def ended(self, assignment: Assignment, run: RunRecord) -> None:
        trial = self._asked[assignment.number]
        self._call(lambda: self._tell(trial, run))
        del self._asked[assignment.number]
        if run.result.status != "lost":
            self.counted += 1
        self.complete += run.result.status == "complete"
        self._watch.saw(run)

    def _tell(self, trial: optuna.Trial | int, run: RunRecord) -> None:
        state = sampler_state(run.result.status)
        value = validation_score(run) if state is TrialState.COMPLETE else None
        self._optuna.tell(trial, value, state=state, skip_if_finished=True)  # it may have been told before it went away

    def _call(self, action: Callable[[], Answer], again: Callable[[], Answer] | None = None) -> Answer:
        return self._database.call(action, self._note, again)

    def _ask_again(self) -> Assignment:
        """Asks after the database was away, which may have applied a request whose answer was lost."""
        self._bring_up()
        return self._ask()

    def _bring_up(self) -> None:
        """Brings Optuna up to what the results folder says; trials in the workers' hands stay as they are."""
        finished = {run.number: run for run in self._study.trials(self._record.data.fold_name)}
        numbers = self._take_up(finished)
        self._tell_again(finished)
        self._next_number = 1 + max([*finished, *numbers, *self._asked], default=-1)
        self._enqueue(self._candidates, known={run.origin for run in finished.values()})

    def _take_up(self, finished: dict[int, RunRecord]) -> list[int]:
        """Tells Optuna what a dead process had saved but not told, and asks again what it had left running.

        Returns all numbers given out so far.
        """
        numbers, again = [], []
        for frozen in self._optuna.get_trials(deepcopy=False):
            number = frozen.user_attrs.get("number")
            if number is not None:
                numbers.append(number)
            if frozen.state is TrialState.WAITING and number is not None:  # left running, and then not reached
                again.append(frozen)
            if frozen.state is not TrialState.RUNNING or number in self._asked:
                continue
            if number in finished:
                self._tell(frozen.number, finished[number])
                continue
            self._optuna.tell(frozen.number, state=TrialState.FAIL)
            if number is not None:
                again.append(frozen)
        if again:
            self._empty_queue()
        for frozen in sorted(again, key=lambda frozen: int(frozen.user_attrs["number"])):
            parameters = {**frozen.system_attrs.get("fixed_params", {}), **frozen.params}
            self._optuna.enqueue_trial(parameters, user_attrs=frozen.user_attrs)
        return numbers

    def _tell_again(self, finished: dict[int, RunRecord]) -> None:
        """Tells Optuna of all runs that it does not have, since its database was lost, emptied or is an old copy."""
        known = {(frozen.user_attrs.get("number"), frozen.state) for frozen in self._optuna.get_trials(deepcopy=False)}
        lacking = [
            run
            for number, run in sorted(finished.items())
            if number not in self._asked and (number, sampler_state(run.result.status)) not in known
        ]
        for run in lacking:
            state = sampler_state(run.result.status)
            objective = self._record.objective
            trial = self._space.as_trial(
                Configuration(feature=run.spec.feature, model=run.spec.model, training=run.spec.training),
                state=state,
                value=validation_score(run) if state is TrialState.COMPLETE else None,
                user_attrs={"number": run.number, "folder": run.name, "origin": run.origin},
                intermediate_values={epoch.number: epoch.validation_score(objective) for epoch in run.result.epochs},
            )
            self._optuna.add_trial(trial)
        if lacking:
            self._note(
                f"{self._database.shown} lacked {len(lacking)} of {len(finished)} trials, which the results folder has: "
                "the sampler is told of them again"
            )

    def _empty_queue(self) -> None:
        """Takes all out of Optuna's queue, whose one order is that of arrival: what is to go before it is queued first."""
        for _ in self._optuna.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self._optuna.tell(self._optuna.ask(), state=TrialState.FAIL)

    def _enqueue(self, candidates: list[Candidate], known: set[str]) -> None:
        """Queues the candidates that have neither run nor been queued."""
        for frozen in self._optuna.get_trials(deepcopy=False):
            if frozen.state is not TrialState.FAIL:
                known.add(str(frozen.user_attrs.get("origin")))
        for candidate in candidates:
            if candidate.origin not in known:
                parameters = self._space.parameters(candidate.configuration)
                attributes = {"origin": candidate.origin, CONFIGURATION: candidate.configuration.model_dump_json()}
                self._optuna.enqueue_trial(parameters, user_attrs=attributes)

    def _number(self, trial: optuna.Trial) -> int:
        """Returns the trial's own number: Optuna's counts attempts, ours trials, so that a second attempt has its seed."""
        given = trial.user_attrs.get("number")
        if given is not None:
            return int(given)
        self._next_number += 1
        return self._next_number - 1

    def _spec(self, configuration: Configuration, number: int) -> TrialSpec:
        seed = np.random.SeedSequence([self._record.options.seed, number]).generate_state(1)[0]
        spec = TrialSpec(
            dataset=without_path(self._registry, self._record.dataset),
            revision=self._record.data.revision,
            protocol=self._record.data.protocol,
            fold=self._record.data.fold_name,
            feature=configuration.feature,
            model=configuration.model,
            training=configuration.training,
            objective=self._record.objective,
            seed=int(seed),
        )
        return with_code(spec, self._registry)
