"""The contracts of a metric and of a section of a report."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.plugins.contract_tests.declaration import check_declaration
from bench.plugins.contract_tests.requirements import CHECK_SEED, generators_left_alone, require
from bench.plugins.faults import fault
from bench.plugins.plugin_config import PluginConfig
from bench.plugins.reporting_contracts import FinishedRun, Metric, ReportSection
from bench.plugins.training_settings import TrainingSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LABELS = ("a", "b", "c")
PNG_BEGINS = b"\x89PNG"


@dataclass(frozen=True)
class SamplePredictions:
    """Predictions made up for a check, see `ClipPredictions`."""

    targets: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    labels: tuple[str, ...] = LABELS

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the clips."""
        return tuple(f"{number}.wav" for number in range(len(self.targets)))

    @property
    def groups(self) -> tuple[str, ...]:
        """Speakers of the clips, unknown for every other one."""
        return tuple("" if number % 2 else f"speaker-{number % 3}" for number in range(len(self.targets)))

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of every clip."""
        predicted: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return predicted


def check_metric(metric: type[Metric]) -> None:
    """Checks a metric's declaration, and its values for right, wrong and few clips, and for absent classes.

    Args:
        metric: The metric's class.

    Raises:
        AssertionError: It breaks its contract, in one line.
    """
    check_declaration(metric)
    require(metric.better in ("higher", "lower"), f"better is {metric.better!r}, neither 'higher' nor 'lower'")
    require(bool(metric.unit), "has no unit")
    sample = sample_predictions()
    single = replace(sample, targets=sample.targets[:1], probabilities=sample.probabilities[:1])
    one_class = replace(sample, targets=sample.targets * 0)
    with generators_left_alone("it"):
        for name, predictions in (
            ("", sample),
            (" of one clip", single),
            (" without clips of some classes", one_class),
        ):
            _value(metric, predictions, name)
        first, second = _value(metric, sample), _value(metric, sample)
        require(first == second, f"the same predictions give {first} and {second}")
        right, wrong = (_value(metric, predictions) for predictions in _right_and_wrong(sample))
    if right is not None and wrong is not None:
        fair = right >= wrong if metric.better == "higher" else right <= wrong
        require(fair, f"better is {metric.better!r}, but all right gives {right:g} and all wrong {wrong:g}")


def check_section(section: type[ReportSection]) -> None:
    """Checks a section's declaration, and that it gives Markdown and a PNG or none, twice the same.

    Args:
        section: The section's class.

    Raises:
        AssertionError: It breaks its contract, in one line.
    """
    check_declaration(section)
    require(bool(getattr(section, "title", "").strip()), 'has no title: give it one, `title: ClassVar[str] = "..."`')
    run = FinishedRun(
        study="study-1",
        run="final-1-seed-0",
        split="test",
        predictions=sample_predictions(),
        scores={"accuracy": 0.5},
        feature=PluginConfig(name="mel"),
        model=PluginConfig(name="cnn"),
        training=TrainingSettings(),
        group_noun="speakers",
    )
    with generators_left_alone("it"):
        try:
            text, again, figure = section().markdown(run), section().markdown(run), section().figure(run)
        except Exception as error:
            raise AssertionError(f"raises {fault(error)}") from error
    require(isinstance(text, str), f"markdown() gives a {type(text).__name__}, not a string")
    require(text == again, "the same run gives another text the second time")
    png = figure is None or (isinstance(figure, bytes) and figure.startswith(PNG_BEGINS))
    require(png, "figure() gives neither None nor the bytes of a PNG")


def sample_predictions() -> SamplePredictions:
    """Predictions of 60 clips of three classes, of which about half are right."""
    import numpy as np

    draw = np.random.default_rng(CHECK_SEED)
    targets = draw.integers(0, len(LABELS), 60)
    scores = draw.random((60, len(LABELS))) + 0.5 * np.eye(len(LABELS))[targets]
    probabilities = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    for array in (targets, probabilities):
        array.setflags(write=False)
    return SamplePredictions(targets, probabilities)


def _right_and_wrong(sample: SamplePredictions) -> tuple[SamplePredictions, SamplePredictions]:
    import numpy as np

    certain = np.eye(len(LABELS), dtype=np.float32)
    wrong = certain[(sample.targets + 1) % len(LABELS)]
    return replace(sample, probabilities=certain[sample.targets]), replace(sample, probabilities=wrong)


def _value(metric: type[Metric], predictions: SamplePredictions, of: str = "") -> float | None:
    try:
        value = metric().compute(predictions)
        number = None if value is None else float(value)
    except Exception as error:
        hint = ": predictions are not to be changed" if "read-only" in str(error) else ""
        raise AssertionError(f"raises {fault(error)} for predictions{of}{hint}") from error
    require(
        number is None or math.isfinite(number), f"gives {number} for predictions{of}: None says that it is not defined"
    )
    return number
