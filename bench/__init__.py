"""bench: which front end and which network are best on your audio, and can you trust the number?

Example:
    >>> import bench
    >>> study = bench.run("folder:recordings", trials=20, models=["tc-resnet"], epochs=8)
    >>> study.leaderboard().to_dataframe()
    >>> study.best.load_model().predict(["a.wav", "b.flac"])

What a plugin author imports is in `bench.plugins`.
"""

from typing import TYPE_CHECKING

from bench.lazy import lazy_names
from bench.version import VERSION

if TYPE_CHECKING:
    from bench import statistics
    from bench.api.compare import compare_rows
    from bench.api.plugins import list_plugins
    from bench.api.reproduce import ReproductionResult, reproduce
    from bench.api.run import resume, run
    from bench.api.study import Run, Study, load_study
    from bench.api.trained_model import TrainedModel, load_model
    from bench.errors import BenchError
    from bench.reporting.verification import Verification, verify

__version__ = VERSION

_HOMES = {
    "BenchError": "bench.errors",
    "ReproductionResult": "bench.api.reproduce",
    "Run": "bench.api.study",
    "Study": "bench.api.study",
    "TrainedModel": "bench.api.trained_model",
    "compare_rows": "bench.api.compare",
    "Verification": "bench.reporting.verification",
    "list_plugins": "bench.api.plugins",
    "load_model": "bench.api.trained_model",
    "load_study": "bench.api.study",
    "reproduce": "bench.api.reproduce",
    "resume": "bench.api.run",
    "run": "bench.api.run",
    "statistics": "bench.statistics",
    "verify": "bench.reporting.verification",
}
"""The module of every public name: torch, MLflow and Optuna are imported when something needs them."""

__getattr__ = lazy_names(__name__, _HOMES)

__all__ = [
    "BenchError",
    "ReproductionResult",
    "Run",
    "Study",
    "TrainedModel",
    "Verification",
    "__version__",
    "compare_rows",
    "list_plugins",
    "load_model",
    "load_study",
    "reproduce",
    "resume",
    "run",
    "statistics",
    "verify",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
