"""Merges published pages, as of two machines: every row stays, one that both have gets the runs of both, and all figures are
recomputed from all predictions. What contradicts itself is refused by name.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

from bench.errors import BenchError
from bench.evaluation.predictions import Predictions
from bench.plugins.references import without_path
from bench.plugins.registry import Registry
from bench.reporting.build_leaderboard import leaderboard_of
from bench.reporting.leaderboard_records import NESTED, Leaderboard, Looks, Protocol, Row, SeedRun, StudySummary
from bench.reporting.leaderboard_sections import protocol_name
from bench.reporting.numbers import score_text
from bench.reporting.published_predictions import PUBLISHED_SPLITS, PublishedPredictions
from bench.reporting.published_studies import PublishedPage, PublishedStudy
from bench.results.study_records import StudyRecord
from bench.trial import Status

DIGITS_OF_A_STUDY = 4
"""Digits that tell two studies of one name apart on a page."""


def merged_pages(
    there: PublishedPage, coming: PublishedPage, *, registry: Registry | None = None, new_section: bool = False
) -> PublishedPage:
    """Merges what comes to a page into it.

    Args:
        there: The page.
        coming: The page of a results folder, or a submitted row.
        registry: The installed plugins, see `build_leaderboard`.
        new_section: Lets rows of a protocol, of a revision of the data or of an objective that the page does not have stand
            in a section of their own.

    Returns:
        A page with the rows of both. Studies of one name that are two keep it on the page that is there; the other gets
        digits of its own: `fsdd-1-3f9a`.

    Raises:
        BenchError: The two do not go together: other data, another protocol, or other digits of the same row and seed.
    """
    registry = registry or Registry()
    coming = _renamed(coming, there)
    if not new_section:
        _check_sections(there, coming, registry)
    _check_clips(there, coming, registry)
    _check_digits(there, coming)
    return _joined([there, coming], registry)


def comes_again(there: Leaderboard, coming: Leaderboard) -> bool:
    """Whether all studies and rows of a page are among those that come, so that nothing on it is anybody else's."""
    known = {_identity(study) for study in _all_studies(coming)}
    rows = {row.id for row in coming.rows()}
    return all(_identity(study) in known for study in _all_studies(there)) and rows >= {row.id for row in there.rows()}


def of_one_row(page: PublishedPage, row_id: str) -> PublishedPage:
    """The page with this row alone, and the studies behind it. Raises BenchError if there is no such row."""
    row = page.leaderboard.row(row_id)
    names = {run.run.partition("/")[0] for run in row.runs}
    protocols = [
        section.model_copy(
            update={"rows": (row,), "studies": tuple(study for study in section.studies if study.name in names)}
        )
        for section in page.leaderboard.protocols
        if row in section.rows
    ]
    return _joined([_page(page.leaderboard, protocols, page.predictions)], Registry())


def _joined(pages: Sequence[PublishedPage], registry: Registry) -> PublishedPage:
    """One page with the rows of all, whose figures are recomputed."""
    predictions = PublishedPredictions({key: value for page in pages for key, value in page.predictions.items()})
    members: dict[str, tuple[PublishedStudy, StudyRecord]] = {}
    for study, record in (member for page in pages for member in page.studies()):
        before = members[study.name][0].finals() if study.name in members else []
        runs = {run.name: run for run in (*before, *study.finals())}
        members[study.name] = PublishedStudy(study.name, list(runs.values()), predictions), record
    leaderboard = leaderboard_of(list(members.values()), pages[0].leaderboard.dataset, registry=registry)
    protocols = [
        _completed(section, [each for page in pages for each in _like(section, page, registry)])
        for section in leaderboard.protocols
    ]
    return _page(leaderboard, protocols, predictions)


def _page(leaderboard: Leaderboard, protocols: Sequence[Protocol], predictions: PublishedPredictions) -> PublishedPage:
    """A page of these sections, with the predictions of their runs and no others."""
    leaderboard = leaderboard.model_copy(update={"protocols": tuple(protocols)})
    names = {run.run for row in leaderboard.rows() for run in row.runs}
    of_runs = {(run, split): value for (run, split), value in predictions.items() if run in names}
    return PublishedPage(leaderboard, PublishedPredictions(of_runs))


def _completed(made: Protocol, sections: Sequence[Protocol]) -> Protocol:
    """A section with what no prediction tells, from the sections that went into it."""
    studies: dict[str, StudySummary] = {}
    for study in (study for section in sections for study in section.studies):
        known = studies.get(study.name, study)
        studies[study.name] = max(study, known, key=lambda each: (each.finished, sum(each.finals.values())))
    rows = [
        _completed_row(row, [each for section in sections for each in section.rows if _went_into(each, row)])
        for row in made.rows
    ]
    return made.model_copy(
        update={
            "rows": tuple(rows),
            "studies": tuple(sorted(studies.values(), key=lambda study: study.created)),
            "notes": tuple(dict.fromkeys(note for section in sections for note in section.notes)),
            "test_looks": _looks(made, sections),
        }
    )


def _completed_row(made: Row, rows: Sequence[Row]) -> Row:
    """A row with what no prediction tells, from the rows that went into it."""
    runs = [run.run for row in rows for run in row.runs]
    not_complete = [Counter(row.not_complete) for row in rows]
    # Of the same study twice, as when it is published again, its failures are not twice as many.
    counted = sum(not_complete, Counter()) if len(set(runs)) == len(runs) else _most(not_complete)
    return made.model_copy(
        update={
            "origin": next((row.origin for row in rows if row.origin), ""),
            "search": max((row.search for row in rows if row.search is not None), default=None),
            # Predictions under other conditions are not published: these are the figures of the page with the most seeds.
            "robustness": max(
                (row.robustness for row in rows), key=lambda each: max((s.n for s in each.values()), default=0)
            ),
            "not_complete": dict(counted),
        }
    )


def _most(counters: Sequence[Counter[Status]]) -> Counter[Status]:
    most: Counter[Status] = Counter()
    for each in counters:
        most |= each
    return most


def _went_into(row: Row, made: Row) -> bool:
    if row.origin == NESTED:  # The row of a search has its runs, and no other search has them.
        return bool({run.run for run in row.runs} & {run.run for run in made.runs})
    return row.id == made.id


def _looks(made: Protocol, sections: Sequence[Protocol]) -> Looks | None:
    """The looks at the test split that are known of: those in the results folders, or by the runs of the page if they are
    more."""
    known = [section.test_looks for section in sections if section.test_looks is not None]
    if len(sections) == 1 or not known:
        return known[0] if known else None
    runs = [run for row in made.rows for run in row.runs]
    of_page = Looks(
        runs=len(runs),
        configurations=len({run.spec.configuration() for run in runs}),
        studies=len({run.run.partition("/")[0] for run in runs}),
    )
    counts = {
        name: max(getattr(looks, name) for looks in (of_page, *known)) for name in ("runs", "configurations", "studies")
    }
    more = len({frozenset(study.name for study in section.studies) for section in sections}) > 1
    return Looks(**counts, at_least=more or any(looks.at_least for looks in known))


def _check_sections(there: PublishedPage, coming: PublishedPage, registry: Registry) -> None:
    """Raises BenchError if rows come that are of no section of the page."""
    for section in coming.leaderboard.protocols:
        if section.rows and not _like(section, there, registry):
            sections = there.leaderboard.protocols
            raise BenchError(
                f"row {section.rows[0].id} is of another {_difference(section, sections)} than the page has: it is of "
                f"{protocol_name(section)}, and the page of {'; '.join(map(protocol_name, sections))}. Publish it in "
                "another folder, or let it open a section of its own by --new-section"
            )


def _difference(section: Protocol, others: Sequence[Protocol]) -> str:
    """What a section differs by from all others: the first of what makes a section that none of them has."""
    for name, words in (("revision", "revision of the data"), ("protocol", "protocol"), ("objective", "objective")):
        others = [each for each in others if getattr(each, name) == getattr(section, name)]
        if not others:
            return words
    return "set of options"


def _check_clips(there: PublishedPage, coming: PublishedPage, registry: Registry) -> None:
    """Raises BenchError if a run was scored on other clips than those of the same section, fold and split on the page."""
    clips: dict[tuple[object, ...], dict[str, str]] = {}
    for page in (there, coming):
        for section, row, run in _runs(page.leaderboard):
            for split in PUBLISHED_SPLITS:
                predictions = page.predictions[run.run, split]
                of_run = dict(
                    zip(predictions.ids, (predictions.labels[each] for each in predictions.targets), strict=True)
                )
                where = (_key(section, registry), run.spec.fold, split)
                if clips.setdefault(where, of_run) != of_run:
                    raise BenchError(
                        f"row {row.id}: run {run.run} was scored on other {split} clips, or other classes, than the rows of "
                        "the page, though it names the same revision of the data: one of the two was changed"
                    )


def _check_digits(there: PublishedPage, coming: PublishedPage) -> None:
    """Raises BenchError if both have a row with the same seed, and it came out otherwise."""
    known = {run.spec.digest(): run for _, _, run in _runs(there.leaderboard)}
    for _, row, run in _runs(coming.leaderboard):
        before = known.get(run.spec.digest())
        if before is None:
            continue
        for split in reversed(PUBLISHED_SPLITS):
            ours, theirs = coming.predictions[run.run, split], there.predictions[before.run, split]
            if _digits(ours) != _digits(theirs):
                raise BenchError(
                    f"row {row.id} with seed {run.spec.seed} is there with other digits: {before.run} on the page has "
                    f"{split} {row.metric} {score_text(getattr(getattr(before, split), row.metric))}, and {run.run} has "
                    f"{score_text(getattr(getattr(run, split), row.metric))}. Another --seed makes runs that can stand "
                    "beside those; bench reproduce says whether the two agree"
                )


def _digits(predictions: Predictions) -> dict[str, bytes]:
    """The probabilities of every clip to the last digit."""
    return {id: row.tobytes() for id, row in zip(predictions.ids, predictions.probabilities, strict=True)}


def _renamed(coming: PublishedPage, there: PublishedPage) -> PublishedPage:
    """What comes, with digits behind the names of studies that another study has on the page."""
    names = {
        study.name: name
        for study in _all_studies(coming.leaderboard)
        if (name := _name(study, coming, there)) != study.name
    }
    if not names:
        return coming

    def of_run(run: str) -> str:
        study, _, rest = run.partition("/")
        return f"{names.get(study, study)}/{rest}"

    def of_row(row: Row) -> Row:
        runs = tuple(run.model_copy(update={"run": of_run(run.run)}) for run in row.runs)
        return row.model_copy(update={"runs": runs})

    protocols = [
        section.model_copy(
            update={
                "rows": tuple(map(of_row, section.rows)),
                "studies": tuple(
                    study.model_copy(update={"name": names.get(study.name, study.name)}) for study in section.studies
                ),
            }
        )
        for section in coming.leaderboard.protocols
    ]
    predictions = {(of_run(run), split): value for (run, split), value in coming.predictions.items()}
    return _page(coming.leaderboard, protocols, PublishedPredictions(predictions))


def _name(study: StudySummary, coming: PublishedPage, there: PublishedPage) -> str:
    """The name that a study which comes has on the page: the one that it has there already, or one that is free."""
    own = f"{study.name}-{hashlib.sha256(' '.join(_identity(study)).encode()).hexdigest()[:DIGITS_OF_A_STUDY]}"
    known = {each.name: each for each in _all_studies(there.leaderboard)}
    if study.name not in known and own not in known:
        return study.name
    same = study.name in known and _identity(known[study.name]) == _identity(study)
    return study.name if same and _same_names(study.name, coming, there) else own


def _same_names(study: str, coming: PublishedPage, there: PublishedPage) -> bool:
    """Whether the runs of a study of this name that both have are the same ones."""
    specs = [
        {run.run: run.spec.digest() for _, _, run in _runs(page.leaderboard) if run.run.partition("/")[0] == study}
        for page in (coming, there)
    ]
    return all(specs[0][run] == specs[1][run] for run in specs[0].keys() & specs[1].keys())


def _identity(study: StudySummary) -> tuple[str, str, str]:
    """What tells a study from others of the same name."""
    return study.created, study.command, str(study.seed)


def _all_studies(leaderboard: Leaderboard) -> Iterator[StudySummary]:
    for section in leaderboard.protocols:
        yield from section.studies


def _runs(leaderboard: Leaderboard) -> Iterator[tuple[Protocol, Row, SeedRun]]:
    for section in leaderboard.protocols:
        for row in section.rows:
            for run in row.runs:
                yield section, row, run


def _like(section: Protocol, page: PublishedPage, registry: Registry) -> list[Protocol]:
    """The sections of a page whose rows can be compared with those of `section`: one or none."""
    return [each for each in page.leaderboard.protocols if _key(each, registry) == _key(section, registry)]


def _key(section: Protocol, registry: Registry) -> tuple[str, ...]:
    data = without_path(registry, section.dataset).model_dump_json()
    return data, section.revision, section.protocol, section.objective
