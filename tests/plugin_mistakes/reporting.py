"""Mistakes of metrics and of sections of reports."""

from __future__ import annotations

from textwrap import dedent, indent

from plugin_mistakes.sources import HEAD, Mistake, hook


def metric(name: str, compute: str, *, fields: str = "") -> str:
    return (
        HEAD
        + "from bench.plugins import Metric\nimport numpy as np\n\nclass Tiny(Metric):\n    '''A tiny metric.'''\n"
        + f"    name: ClassVar[str] = {name!r}\n{indent(dedent(fields), ' ' * 4)}"
        + f"    def compute(self, predictions):\n{indent(dedent(compute), ' ' * 8)}\n"
        + hook("metric", "[Tiny]")
    )


def section(name: str, markdown: str, *, more: str = "title: ClassVar[str] = 'Tiny'\n") -> str:
    return (
        HEAD
        + "from bench.plugins import ReportSection\n\nclass Tiny(ReportSection):\n    '''A tiny section.'''\n"
        + f"    name: ClassVar[str] = {name!r}\n{indent(dedent(more), ' ' * 4)}"
        + f"    def markdown(self, run):\n        {markdown}\n"
        + hook("section", "[Tiny]")
    )


SHARE = "return float((predictions.predicted == predictions.targets).mean())"

REPORTING = (
    Mistake(
        "wrong-way",
        "A metric says the wrong direction",
        "better is 'lower', but all right gives 1 and all wrong 0",
        metric("wrong-way", SHARE, fields="better: ClassVar[str] = 'lower'\n"),
    ),
    Mistake(
        "macro-f1",
        "A metric has the name of a score of bench",
        "macro-f1 is a score that bench has itself",
        metric("macro-f1", SHARE),
    ),
    Mistake(
        "absent-classes",
        "A metric divides by the clips of every class",
        "gives nan for predictions of one clip: None says that it is not defined",
        metric(
            "absent-classes",
            "right = predictions.targets[predictions.predicted == predictions.targets]\n"
            "with np.errstate(all='ignore'):\n"
            "    return (np.bincount(right, minlength=3) / np.bincount(predictions.targets, minlength=3)).mean()",
        ),
    ),
    Mistake(
        "sorts-in-place",
        "A metric changes the predictions",
        "read-only for predictions: predictions are not to be changed",
        metric("sorts-in-place", "predictions.probabilities.sort(axis=1)\n" + SHARE),
    ),
    Mistake(
        "no-title",
        "A section has no title",
        'has no title: give it one, `title: ClassVar[str] = "..."`',
        section("no-title", "return 'text'", more=""),
    ),
    Mistake(
        "no-text",
        "A section forgets its return",
        "markdown() gives a NoneType, not a string",
        section("no-text", "'text'"),
    ),
    Mistake(
        "a-path",
        "A figure is a path",
        "figure() gives neither None nor the bytes of a PNG",
        section(
            "a-path",
            "return 'text'",
            more="title: ClassVar[str] = 'Tiny'\ndef figure(self, run):\n    return 'figure.png'\n",
        ),
    ),
)
