"""The contract of an executor: where the trials of a study run."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ExecutorPlugin(BaseModel):
    """An executor by name, as `--executor NAME` asks for it, and the function that starts it.

    Attributes:
        name: Name of the executor.
        summary: One line that says where trials run.
        start: `package.module:function`, imported when a study runs. It is called with
            `bench.executors.jobs.ExecutorSettings` and returns a `bench.executors.jobs.Executor`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    summary: str
    start: str
