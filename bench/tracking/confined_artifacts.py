"""Artifacts below one folder alone, since a database may be somebody else's, and says where the files of its runs are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository


def confined_to(root: Path) -> type[Any]:
    """The class of MLflow that reads and writes files, for those below `root`: links are not followed out of it."""

    local: Any = LocalArtifactRepository  # whose methods have no types

    class Confined(local):  # type: ignore[misc]
        def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
            super().__init__(artifact_uri, tracking_uri, registry_uri)
            self._refuse_outside("")

        def get_local_path(self, artifact_path: str) -> str:
            self._refuse_outside(artifact_path)
            return str(super().get_local_path(artifact_path))

        def list_artifacts(self, path: str | None = None) -> list[Any]:
            self._refuse_outside(path)
            return [info for info in super().list_artifacts(path) if self._is_inside(info.path)]

        def delete_artifacts(self, artifact_path: str | None = None) -> None:
            self._refuse_outside(artifact_path)
            super().delete_artifacts(artifact_path)

        def download_trace_data(self) -> dict[str, Any]:
            raise MlflowException(f"no traces are kept in {root}")

        def _download_file(self, remote_file_path: str, local_path: str) -> None:
            self._refuse_outside(remote_file_path)
            super()._download_file(remote_file_path, local_path)

        def _get_or_create_artifact_dir(self, artifact_path: str | None = None) -> str:
            self._refuse_outside(artifact_path)
            return str(super()._get_or_create_artifact_dir(artifact_path))

        def _is_inside(self, path: str | None) -> bool:
            return Path(self.artifact_dir, path or "").resolve().is_relative_to(root)

        def _refuse_outside(self, path: str | None) -> None:
            if not self._is_inside(path):
                raise MlflowException(
                    f"{path or 'the folder of these artifacts'} leads out of the results folder: "
                    "bench ui shows what is below it alone",
                    error_code=PERMISSION_DENIED,
                )

    return Confined
