"""Addresses of MLflow that people give, and what is made of them before anything is decoded."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_runner import refusal, run
from made_audio import cats_and_dogs

from bench.errors import BenchError, WrongUsage
from bench.options import checked_options
from bench.tracking.tracking_store import require_driver


@pytest.mark.parametrize(
    ("uri", "remedy"),
    [
        ("file:./mlruns", "folders hold no runs of MLflow any more: give a database, as sqlite:///mlflow.db"),
        ("file:///tmp/mlruns", "folders hold no runs of MLflow any more"),
        ("./mlruns", "folders hold no runs of MLflow any more"),
        ("mlruns", "folders hold no runs of MLflow any more"),
        ("127.0.0.1:5000", "write http://127.0.0.1:5000 for a server"),
        ("tracking.example.org:5000/mlflow", "write http://tracking.example.org:5000/mlflow for a server"),
        ("mongodb://me:hidden@host/db", "no address of MLflow begins with mongodb://"),
        ("", "folders hold no runs of MLflow"),
    ],
)
def test_what_is_no_address_of_mlflow_is_refused_with_the_remedy(uri: str, remedy: str) -> None:
    with pytest.raises(WrongUsage, match="tracking_uri") as refused:
        checked_options({"tracking_uri": uri})
    assert remedy in str(refused.value) and "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    "uri",
    ["none", "http://127.0.0.1:5000", "https://me:pw@host/mlflow", "sqlite:///mine.db", "sqlite+pysqlite:///a%20b.db"],
)
def test_addresses_of_mlflow_are_taken(uri: str) -> None:
    assert checked_options({"tracking_uri": uri}).tracking_uri == uri


@pytest.mark.parametrize("uri", ["mysql+oursql://me:hidden@host/db", "mysql+pymysqll://host/db"])
def test_a_missing_driver_is_named(uri: str) -> None:
    with pytest.raises(BenchError) as refused:
        require_driver(uri)
    assert "hidden" not in str(refused.value) and len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("verb", ["ui", "run --dataset fsdd"])
def test_the_command_line_says_it_at_once(verb: str) -> None:
    refusal(
        run(*verb.split(), "--tracking-uri", "./mlruns"),
        "--tracking-uri ./mlruns: folders hold no runs of MLflow",
        code=2,
    )


def test_a_server_that_does_not_listen_is_said_before_anything_is_decoded(tmp_path: Path) -> None:
    audio = cats_and_dogs(tmp_path / "audio", 10)
    words = ("--dataset", f"folder:{audio}", "--models", "tc-resnet", "--features", "mel", "--trials", "1")
    done = run("run", *words, "--tracking-uri", "http://ann:s3cret@127.0.0.1:9")
    line = refusal(done, "no MLflow server listens at http://ann:***@127.0.0.1:9", "--tracking-uri")
    assert "s3cret" not in line
    assert not list((tmp_path / "cache").glob("*/")) and not (tmp_path / "results" / "audio-1").exists()


def test_databricks_has_pages_of_its_own() -> None:
    refusal(run("ui", "--tracking-uri", "databricks"), "databricks is a server already: open it in a browser")
