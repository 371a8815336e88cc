"""Exported networks in MLflow's registry: as models that take paths of recordings, and need no bench where they run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.results.study_records import RunRecord
from bench.tracking import run_contents
from bench.tracking.tracking_store import is_server

CLASSIFIER = Path(__file__).with_name("audio_classifier.py")
PACKAGES = ("mlflow", "numpy", "pandas", "onnxruntime", "soundfile", "soxr")
"""What the classifier imports; it is required in the versions with which the network was compared with the harness."""


@dataclass(frozen=True)
class NetworkToRegister:
    """An exported network.

    Attributes:
        path: The ONNX file.
        labels: Class names, in the order of its outputs.
        run: The run that trained it.
        tags: What else is to be known of it.
    """

    path: Path
    labels: Sequence[str]
    run: RunRecord
    tags: Mapping[str, str]

    @property
    def description(self) -> str:
        """What it is, in a line."""
        spec = self.run.spec
        return f"{spec.model.name} on {spec.feature.name}, trained on {spec.dataset.name}: {self.run.study}/{self.run.name}"


@dataclass(frozen=True)
class Destination:
    """Where a model is logged.

    Attributes:
        uri: The store's address.
        experiment: MLflow's id of the experiment.
        run_id: MLflow's id of the run that trained it; None if the store does not have it.
    """

    uri: str
    experiment: str
    run_id: str | None


def register_version(
    client: Any, name: str, network: NetworkToRegister, parameters: Mapping[str, str], to: Destination
) -> str:
    """Logs a network as a model of a run, and registers it.

    Args:
        client: MLflow's client of the store.
        name: Name of the registered model, which gets a new version.
        network: The network.
        parameters: Its options, as its run has them.
        to: Where it is logged.

    Returns:
        The address of the version, `models:/NAME/VERSION`.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric

    model = client.create_logged_model(
        to.experiment,
        name=name,
        source_run_id=to.run_id,
        tags=dict(network.tags),
        params=dict(parameters),
    )
    with tempfile.TemporaryDirectory(prefix="bench-model-") as temporary:
        folder = Path(temporary) / "model"
        _save(folder, network, model)
        client.log_model_artifacts(model.model_id, str(folder))
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    if (run_id := to.run_id) is not None:
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        figures, ended = run_contents.run_metrics(network.run), run_contents.milliseconds(network.run.finished)
        points = [Metric(key, value, ended, 0, model_id=model.model_id) for key, value in figures.items()]
        client.log_batch(run_id, metrics=points)
    _create_if_missing(client, name)
    made = client.create_model_version(
        name,
        # A server looks the model up by its id; without one, MLflow would do so in the store of another address.
        source=f"models:/{model.model_id}" if is_server(to.uri) else model.artifact_location,
        run_id=run_id,
        tags=dict(network.tags),
        description=network.description,
        model_id=model.model_id,
    )
    return f"models:/{name}/{made.version}"


def _save(folder: Path, network: NetworkToRegister, model: Any) -> None:
    import pandas as pd
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, Schema

    probabilities = [ColSpec("double", name) for name in ("probability", *network.labels)]
    # A column without a name takes a list of paths, and a table whatever the name of its column.
    signature = ModelSignature(Schema([ColSpec("string")]), Schema([ColSpec("string", "label"), *probabilities]))
    pyfunc.save_model(
        folder,
        loader_module=CLASSIFIER.stem,
        code_paths=[str(CLASSIFIER)],
        data_path=str(network.path),
        signature=signature,
        input_example=pd.DataFrame({"path": ["recording.wav"]}),
        pip_requirements=[f"{name}=={version(name)}" for name in PACKAGES],
        mlflow_model=Model(
            artifact_path=model.artifact_location,
            run_id=model.source_run_id,
            model_uuid=model.model_id,
            model_id=model.model_id,
            metadata=dict(network.tags),
        ),
    )


def _create_if_missing(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
