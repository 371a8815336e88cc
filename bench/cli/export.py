"""`bench export`: a trained network as one file, or its model card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.api.export import export_network, model_card_text
from bench.cli.common import DataDir, MaxUnusable, ResultsDir, TrackingUri, installed_plugins, options_of, warn
from bench.errors import WrongUsage
from bench.files import write_atomically
from bench.reporting.progress import study_progress
from bench.results.stored_model import find_stored_model

ENDINGS = {"onnx": ".onnx", "torch": ".pt2"}


def command(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="STUDY/final-1-seed-0, STUDY for the median seed of its best, or a run's folder, also a copy of it alone.",
        ),
    ],
    format: Annotated[
        Literal["onnx", "torch"] | None,
        typer.Option("--format", help="ONNX, or a program of torch.export.  \\[default: by --out; onnx]"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="\\[default: STUDY-RUN.onnx, .pt2 or .md here]", show_default=False
        ),
    ] = None,
    quantize: Annotated[
        Literal["int8"] | None,
        typer.Option("--quantize", help="8-bit integers behind the front end, for --format onnx."),
    ] = None,
    model_card: Annotated[
        bool,
        typer.Option("--model-card", help="Write the model card, as Hugging Face has it, in place of the network."),
    ] = False,
    register: Annotated[
        str | None,
        typer.Option("--register", metavar="NAME", help="Register it in MLflow, too, as a new version of model NAME."),
    ] = None,
    tracking_uri: TrackingUri = None,
    max_unusable: MaxUnusable = None,
    data_dir: DataDir = None,
    results: ResultsDir = None,
) -> None:
    """Write a trained network with its front end as one file, from waveforms to probabilities, or its model card."""
    if model_card and (format or quantize or register):
        raise WrongUsage(
            "--model-card writes no network: leave out --format, --quantize and --register, or call it twice"
        )
    if out is not None and not format and not model_card and out.suffix.lower() not in ENDINGS.values():
        raise WrongUsage(f"--out {out} ends neither in .onnx nor in .pt2: say which with --format")
    options = options_of(max_unusable=max_unusable, data_dir=data_dir, results=results, tracking_uri=tracking_uri)
    registry = installed_plugins()
    stored = find_stored_model(run, registry, results=options.results)
    for line in stored.differences(registry):
        warn(line)
    ending = ".md" if model_card else ENDINGS[format or "onnx"]
    path = out or Path(stored.name.replace("/", "-") + ending)
    if model_card:
        write_atomically(path, model_card_text(stored, registry))
        print(path)
        return
    from bench.results.load_network import load_network

    callback = study_progress()
    with callback:
        exported = export_network(
            load_network(stored, registry),
            stored,
            path,
            format=format,
            quantize=quantize,
            register=register,
            options=options,
            registry=registry,
            callback=callback,
        )
    print("\n".join(exported.lines()))
