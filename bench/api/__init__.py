"""The public Python API: from options to a study, its results as pandas, its networks. It prints nothing.

The command line takes what it needs from here, too; each name is imported when it is used.
"""

from typing import TYPE_CHECKING

from bench.lazy import lazy_names

if TYPE_CHECKING:
    from bench.api.check_data import run_data_check
    from bench.api.dry_run import CandidateTime, candidate_times, number_of_runs, total_seconds
    from bench.api.execution import execute, held, require_complete
    from bench.api.lr_find import RangeTestRun, find_learning_rate
    from bench.api.reproduce import ReproductionResult, run_wanted, wanted_of
    from bench.api.resolve import ResolvedStudy, headline, resolve_new, resolve_resumed, resume_command

_HOMES = {
    "CandidateTime": "bench.api.dry_run",
    "RangeTestRun": "bench.api.lr_find",
    "ReproductionResult": "bench.api.reproduce",
    "ResolvedStudy": "bench.api.resolve",
    "candidate_times": "bench.api.dry_run",
    "number_of_runs": "bench.api.dry_run",
    "total_seconds": "bench.api.dry_run",
    "execute": "bench.api.execution",
    "find_learning_rate": "bench.api.lr_find",
    "headline": "bench.api.resolve",
    "held": "bench.api.execution",
    "require_complete": "bench.api.execution",
    "resolve_new": "bench.api.resolve",
    "resolve_resumed": "bench.api.resolve",
    "resume_command": "bench.api.resolve",
    "run_data_check": "bench.api.check_data",
    "run_wanted": "bench.api.reproduce",
    "wanted_of": "bench.api.reproduce",
}

__getattr__ = lazy_names(__name__, _HOMES)

__all__ = [
    "CandidateTime",
    "RangeTestRun",
    "ReproductionResult",
    "ResolvedStudy",
    "candidate_times",
    "number_of_runs",
    "total_seconds",
    "execute",
    "find_learning_rate",
    "headline",
    "held",
    "require_complete",
    "resolve_new",
    "resolve_resumed",
    "resume_command",
    "run_data_check",
    "run_wanted",
    "wanted_of",
]
