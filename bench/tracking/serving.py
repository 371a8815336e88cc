"""The process that serves MLflow's UI: MLflow's application behind the gate, with files below the results folder alone."""

from __future__ import annotations

import os
import socket
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.tracking.access import Access
from bench.tracking.gate import Gate
from bench.tracking.tracking_store import ARTIFACTS

READY = "ready"
STOP_SECONDS = 2
"""Time that open requests have when the server is asked to end."""


def serve(connection: Connection, tracking_uri: str, results: Path, host: str, port: int, access: Access) -> int:
    """The function of the child process. Says READY when the server listens."""
    family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # Bound before it is said to be there, so that nobody else can be at this address by then.
    listening = socket.create_server((host, port), family=family)
    import uvicorn

    application: Any = Gate(_mlflow_application(tracking_uri, results.resolve()), access)
    options: dict[str, Any] = {"log_level": "warning", "access_log": False, "lifespan": "off"}
    config = uvicorn.Config(
        application, proxy_headers=False, server_header=False, timeout_graceful_shutdown=STOP_SECONDS, **options
    )

    class Announced(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            connection.send(READY)

    Announced(config).run(sockets=[listening])
    return 0


def _mlflow_application(tracking_uri: str, results: Path) -> Any:
    """MLflow's own ASGI application, set up as `mlflow server` does for its workers."""
    from mlflow.server import constants

    destination = (results / ARTIFACTS).as_uri()
    os.environ[constants.BACKEND_STORE_URI_ENV_VAR] = tracking_uri
    os.environ[constants.REGISTRY_STORE_URI_ENV_VAR] = tracking_uri
    os.environ[constants.ARTIFACT_ROOT_ENV_VAR] = "mlflow-artifacts:/"
    os.environ[constants.ARTIFACTS_DESTINATION_ENV_VAR] = destination
    os.environ[constants.SERVE_ARTIFACTS_ENV_VAR] = "true"
    from mlflow.server.handlers import STATIC_PREFIX_ENV_VAR, initialize_backend_stores

    os.environ.pop(STATIC_PREFIX_ENV_VAR, None)  # The gate has its own.
    _confine_artifacts(results)
    initialize_backend_stores(tracking_uri, tracking_uri, "mlflow-artifacts:/")
    from mlflow.server.fastapi_app import app

    return app


def _confine_artifacts(root: Path) -> None:
    """Makes MLflow read and write artifacts below `root` alone, wherever its database says that they are."""
    from mlflow.store.artifact import artifact_repository_registry

    from bench.tracking.confined_artifacts import confined_to

    registry: Any = artifact_repository_registry
    repositories = registry.get_registered_artifact_repositories()
    repositories.clear()  # Other schemes are of other machines.
    repositories.update(dict.fromkeys(("", "file"), confined_to(root)))
