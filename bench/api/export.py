"""A trained network as one file: finds the data that it is compared on, and writes it."""

from __future__ import annotations

import re
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

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
    from bench.export.metadata import RecordedFigures
    from bench.export.write import ExportedFile, Format
    from bench.results.study_folder import StudyFolder

FORMATS = {".onnx": "onnx", ".pt2": "torch"}
"""Formats by the ending of the file's name."""
ABOUT = ("run", "row", "dataset", "revision", "source", "licence", "sample_rate", "clip_seconds")
"""What of a file's metadata a registered model has as tags."""


def export_network(
    loaded: LoadedNetwork,
    stored: StoredModel,
    path: str | PathLike[str],
    *,
    format: Literal["onnx", "torch"] | None,
    quantize: Literal["int8"] | None,
    register: str | None,
    options: RunOptions,
    registry: Registry,
    callback: StudyCallback,
) -> ExportedFile:
    """Writes a network, and says by the callback why it is compared on noise if the data set is not at hand.

    Args:
        loaded: The network.
        stored: What is on disk of it.
        path: The file.
        format: ONNX, or a program of torch.export; None goes by the ending of the path.
        quantize: Whether it is of 8-bit integers.
        register: Name of the model of MLflow's registry that it becomes a version of; None for none.
        options: Where the data set, and MLflow's store, are.
        registry: The plugins.
        callback: Is told what a person should know.

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
    if register is not None:
        _require_registrable(register, stored, wanted, options.tracking_uri)
    from bench.export.metadata import figures_of
    from bench.export.write import write_network

    data = _data_at_hand(stored, options, registry, callback)
    figures = figures_of(stored, registry)
    exported = write_network(target, loaded, stored, figures, format=wanted, quantize=quantize is not None, data=data)
    if register is None:
        return exported
    return replace(exported, registered=_registered(register, exported, stored, figures, options.tracking_uri))


def _require_registrable(name: str, stored: StoredModel, format: Format, tracking_uri: str | None) -> None:
    """Raises BenchError if a network cannot be registered by this name, before minutes are spent on it."""
    from bench.tracking.tracking_store import require_store

    if format != "onnx":
        raise WrongUsage("--register is of ONNX files: leave out --format torch")
    if not re.fullmatch(r"[^/:\s](?:[^/:]*[^/:\s])?", name):
        raise WrongUsage(f"--register {name!r}: give a name without / and :, as digits")
    if stored.study is None or stored.study.is_reproduction():
        raise BenchError(f"{stored.name} cannot be registered here: name a run of a study in its results folder")
    require_store(tracking_uri or stored.study.record().options.tracking_uri)


def _registered(
    name: str, exported: ExportedFile, stored: StoredModel, figures: RecordedFigures, tracking_uri: str | None
) -> str:
    from bench.export.metadata import metadata
    from bench.tracking.registered_models import NetworkToRegister
    from bench.tracking.tracker import Tracker

    study = cast("StudyFolder", stored.study)
    record = study.record()
    uri = tracking_uri or record.options.tracking_uri
    about = metadata(stored, figures, fixed=exported.fixed)
    tags = {f"bench.{name}": about[name] for name in ABOUT if about[name]}
    network = NetworkToRegister(exported.path, stored.record.labels, stored.run, tags)
    with Tracker(study.folder.parent, tracking_uri=None if uri == "none" else uri) as tracker:
        return f"{tracker.register(name, network, record)} in {tracker.display_uri}"


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
