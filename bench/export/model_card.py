"""A model card in the form that Hugging Face reads: a YAML header, and what a person should know before use."""

from __future__ import annotations

import json
from typing import Any

from bench.evaluation.metrics import metric_title
from bench.export.metadata import RecordedFigures
from bench.markdown import escape, table
from bench.reporting.numbers import plural
from bench.results.stored_model import StoredModel
from bench.version import VERSION

METRICS_OF_HUB = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "macro_f1": "f1",
    "roc_auc": "roc_auc",
}
"""Names by which Hugging Face knows scores; the others are left to the table."""


def model_card(stored: StoredModel, figures: RecordedFigures) -> str:
    """The model card of a trained network, from its run's records, as Markdown."""
    record, spec, run = stored.record, stored.record.spec, stored.run
    title = f"{spec.model.name} on {spec.feature.name}, trained on {spec.dataset.name}"
    of = f"the mean of {plural(figures.seeds, 'seed')} of row {figures.row}" if figures.row else "this network alone"
    lines = [
        "---",
        *_yaml(_header(stored, figures)),
        "---",
        "",
        f"# {escape(title)}",
        "",
        f"Says which of {len(record.labels)} classes a recording is of: {escape(', '.join(record.labels))}.",
        "",
        "## Results",
        "",
        f"On the test split of {escape(spec.dataset.name)} (revision `{spec.revision}`, protocol `{escape(spec.protocol)}`, "
        f"{plural(figures.clips, 'clip')}), {of}. Networks were chosen by {metric_title(spec.objective)} on validation.",
        "",
        table(["score", "validation", "test"], _scores(figures), align=["left", "right", "right"]),
    ]
    if figures.interval is not None:
        low, high = figures.interval.low, figures.interval.high
        lines += ["", f"Test {metric_title(spec.objective)} is {low:.3f} to {high:.3f} at 95 %."]
    lines += [
        "",
        "## Use",
        "",
        f"Waveforms are mono, {record.sample_rate:,} Hz, float32 in -1..1; recordings shorter than {record.seconds:g} s are "
        "padded with zeros at their end, longer ones cut into windows whose probabilities are averaged. The front end is "
        "inside the exported file.",
        "",
        "## Training",
        "",
        f"- Data: {escape(record.source or spec.dataset.name)}",
        f"- Licence of the data: {escape(record.licence or 'not known')}",
        f"- Feature: `{spec.feature.name}` {_code(spec.feature.options)}",
        f"- Model: `{spec.model.name}` {_code(spec.model.options)}, {run.result.parameters or 0:,} parameters",
        f"- Training: {_code(spec.training.model_dump(mode='json'))}",
        f"- Run: `{stored.name}`, seed {spec.seed}, {escape(run.finished)}, by bench {VERSION}",
        f"- Versions: {_code(record.versions)}",
        "",
        "## Limits",
        "",
        "The figures are of recordings like those of the test split. The network names one of its classes for every sound, "
        "whatever it is.",
        "",
    ]
    return "\n".join(lines)


def _header(stored: StoredModel, figures: RecordedFigures) -> dict[str, Any]:
    record, spec = stored.record, stored.record.spec
    named = {name: hub for name, hub in METRICS_OF_HUB.items() if f"test_{name}" in figures.scores}
    results = [
        {"type": hub, "name": metric_title(name), "value": round(figures.scores[f"test_{name}"], 6)}
        for name, hub in named.items()
    ]
    dataset = {"name": spec.dataset.name, "type": spec.dataset.name, "split": "test", "revision": spec.revision}
    entry = {"task": {"type": "audio-classification"}, "dataset": dataset, "metrics": results}
    return {
        **({"license": record.licence.lower()} if record.licence else {}),
        "pipeline_tag": "audio-classification",
        "tags": ["audio-classification", "bench", spec.model.name, spec.feature.name],
        "datasets": [spec.dataset.name],
        "metrics": list(named.values()),
        "model-index": [{"name": stored.name.replace("/", "-"), "results": [entry]}],
    }


def _scores(figures: RecordedFigures) -> list[list[str]]:
    names = dict.fromkeys(name.partition("_")[2] for name in figures.scores)
    cells = ([figures.scores.get(f"{split}_{name}") for split in ("validation", "test")] for name in names)
    return [
        [metric_title(name), *("" if value is None else f"{value:.4f}" for value in values)]
        for name, values in zip(names, cells, strict=True)
    ]


def _code(options: Any) -> str:
    return f"`{json.dumps(options, ensure_ascii=False).replace('`', '')}`"


def _yaml(value: Any, indent: str = "") -> list[str]:
    """Block YAML of mappings, lists and scalars; scalars are JSON, which YAML holds."""
    lines: list[str] = []
    items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for key, item in items:
        mark = "- " if key is None else f"{key}:"
        if not isinstance(item, dict | list):
            lines.append(f"{indent}{mark}{'' if key is None else ' '}{_scalar(item)}")
        elif key is None:
            first, *rest = _yaml(item, f"{indent}  ")
            lines += [f"{indent}- {first.strip()}", *rest]
        else:
            lines += [f"{indent}{mark}", *_yaml(item, f"{indent}  ")]
    return lines


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
