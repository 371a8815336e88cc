"""A trained network as one file: finds the data that it is compared on, and writes it."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.data.prepared import PreparedData
from bench.errors import BenchError, WrongUsage, one_line
from bench.options import RunOptions
from bench.plugins.references import located_at
from bench.plugins.registry import Registry
from bench.reporting.example_audio import is_decoded
from bench.results.load_network import LoadedNetwork
from bench.results.stored_model import StoredModel, data_of
from bench.search.callback import StudyCallback

if TYPE_CHECKING:
    from bench.export.write import ExportedFile, Format

FORMATS = {".onnx": "onnx", ".pt2": "torch"}
"""Formats by the ending of the file's name."""


def export_network(
    loaded: LoadedNetwork,
    stored: StoredModel,
    path: str | PathLike[str],
    *,
    format: Literal["onnx", "torch"] | None,
    quantize: Literal["int8"] | None,
    options: RunOptions,
    registry: Registry,
    callback: StudyCallback,
) -> ExportedFile:
    """Writes a network, and says by the callback why it is compared on noise if the data set is not at hand.

    Raises:
        BenchError: As `TrainedModel.export` does.
    """
    target = Path(path).expanduser()
    wanted: Format = format or FORMATS.get(target.suffix.lower(), "")  # type: ignore[assignment]
    if wanted not in FORMATS.values():
        raise WrongUsage(f"--format {format or target.suffix or target}: onnx or torch, or a file named .onnx or .pt2")
    if quantize not in (None, "int8"):
        raise WrongUsage(f"--quantize {quantize}: int8 is all there is")
    if target.is_dir():
        raise WrongUsage(f"{target} is a folder: name a file in it")
    from bench.export.metadata import figures_of
    from bench.export.write import write_network

    data = _data_at_hand(stored, options, registry, callback)
    figures = figures_of(stored, registry)
    return write_network(target, loaded, stored, figures, format=wanted, quantize=quantize is not None, data=data)


def model_card_text(stored: StoredModel, registry: Registry) -> str:
    """The model card of a network, as Markdown with a YAML header."""
    from bench.export.metadata import figures_of
    from bench.export.model_card import model_card

    return model_card(stored, figures_of(stored, registry))


def _data_at_hand(
    stored: StoredModel, options: RunOptions, registry: Registry, callback: StudyCallback
) -> PreparedData | None:
    """The clips that the network was tested on: as they are decoded, or decoded again; None with a note if they are gone."""
    spec, dataset = stored.record.spec, stored.record.spec.dataset
    if stored.study is not None:
        data = data_of(stored.study, stored.run)
        if is_decoded(data, stored.record.sample_rate):
            return data
        dataset = data.dataset
        if not stored.study.is_reproduction() and (location := stored.study.record().location):
            dataset = located_at(registry, dataset, location)
    from bench.api.spec_data import prepare_for

    try:
        data = prepare_for(spec, dataset, options, registry=registry, callback=callback).of_fold(spec.fold)
    except BenchError as error:
        callback.warning(f"the test clips are not at hand ({one_line(error)})")
        return None
    if data.revision != spec.revision:
        callback.warning(f"the clips of {dataset.name} here are not those that {stored.name} was tested on")
        return None
    return data
