"""`bench ui` as a real process, queried over HTTP, and used as the tracking server of another results folder."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tracking_samples import finished, save, study_record

from bench.cli import ui
from bench.errors import BenchError
from bench.tracking.access import KEY_VARIABLE, Access
from bench.tracking.gate import Gate
from bench.tracking.server import Server, free_port
from bench.tracking.tracker import Tracker

LAUNCH = "import typer; from bench.cli.ui import command; app = typer.Typer(); app.command()(command); app()"


def log_study(results: Path, tracking_uri: str | None = None) -> str:
    """A study of one trial; the trial's run id."""
    with Tracker(results, tracking_uri=tracking_uri) as tracker:
        tracker.start_study(study_record())
        run, outcome = finished(0)
        run_id = tracker.start_run("digits", run.name, run.spec, kind="trial", number=0)
        for epoch in run.result.epochs:
            tracker.log_epoch(run_id, epoch)
        tracker.finish_run(run_id, run, save(results, run, outcome))
        tracker.finish_study("digits", best={"best_validation_accuracy": 5 / 6})
    return run_id


KEY = "a key for programs"


class Ui:
    """A `bench ui` process that has said its address, and whose key is known."""

    def __init__(self, results: Path, *options: str) -> None:
        port = free_port("127.0.0.1", 0)
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, "--results", str(results), "--port", str(port), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # The proxy is not for our own server.
            env={**os.environ, "http_proxy": "http://127.0.0.1:9", "no_proxy": "", KEY_VARIABLE: KEY},
            # A shell's background job, as the tests may be, ignores SIGINT and hands that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.address = f"http://127.0.0.1:{port}"
        assert self.process.stdout is not None
        self.said = [self.process.stdout.readline().strip() for _ in range(4 + len(options))]

    def get(self, path: str, host: str | None = None) -> str:
        headers = {"Authorization": f"Bearer {KEY}", **({"Host": host} if host else {})}
        request = urllib.request.Request(f"{self.address}/{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.read().decode())

    def post(self, path: str, content: object) -> dict[str, Any]:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}/{path}", body, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.loads(answer.read() or b"{}")
            return found

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.post("api/2.0/mlflow/runs/search", {"experiment_ids": ["1"]})["runs"]
        return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ui, str]]:
    """One server for all tests that only ask it something."""
    results = tmp_path_factory.mktemp("with space")
    run_id = log_study(results)
    ui_process = Ui(results, "--writable")
    yield ui_process, run_id
    assert_nothing_stays(ui_process, signal.SIGTERM)


def test_the_ui_says_where_it_is_and_answers_there(served: tuple[Ui, str]) -> None:
    process, _ = served
    assert process.said[1].startswith(process.address) and "/?link=" in process.said[1], process.said
    assert process.said[2].startswith(f"fsdd: {process.address}/") and "/?link=" in process.said[2]
    assert process.said[2].endswith("#/experiments/1/runs?workflowType=machine_learning&viewStateShareKey=bench")
    assert process.said[3] == "A link works once, in one browser."
    assert process.said[4] == f"As a tracking server: bench run --tracking-uri {process.address}"
    assert "<title>MLflow</title>" in process.get("")
    tags = {tag["key"]: tag["value"] for tag in experiment(process)["tags"]}
    assert json.loads(tags["mlflow.sharedViewState.bench"])["orderByKey"] == "metrics.`best_validation_accuracy`"


def experiment(process: Ui) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(process.get("api/2.0/mlflow/experiments/get?experiment_id=1"))["experiment"]
    return found


def test_the_ui_shows_runs_and_artifacts(served: tuple[Ui, str]) -> None:
    process, run_id = served
    assert {run["info"]["run_name"] for run in process.runs()} == {"digits", "trial-0000 tc-resnet + mel"}
    kept = json.loads(process.get(f"get-artifact?path=run.json&run_uuid={run_id}"))
    assert kept["result"]["status"] == "complete"


def test_a_foreign_host_name_is_refused(served: tuple[Ui, str]) -> None:
    """DNS rebinding: a page elsewhere that has its own name point to this machine."""
    process, _ = served
    with pytest.raises(urllib.error.HTTPError, match="403"):
        process.get("api/2.0/mlflow/experiments/get?experiment_id=1", host="evil.example")


def test_a_server_keeps_the_studies_of_another_results_folder(
    served: tuple[Ui, str], tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    process, _ = served
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    run_id = log_study(tmp_path, process.address)
    assert not (tmp_path / "mlflow.db").exists()
    assert not (tmp_path / "artifacts").exists()
    kept = json.loads(process.get(f"get-artifact?path=run.json&run_uuid={run_id}"))
    assert kept["study"] == "digits"
    run = json.loads(process.get(f"api/2.0/mlflow/runs/get?run_id={run_id}"))["run"]
    assert run["info"]["status"] == "FINISHED"
    assert {metric["key"] for metric in run["data"]["metrics"]} >= {"train_loss", "best_validation_accuracy"}
    assert capfd.readouterr() == ("", "")


def browser(address: str, cookies: str = "", **headers: str) -> tuple[int, dict[str, str], str]:
    """What a browser is told that follows no redirect: status, headers and page."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    path = address.removeprefix(f"http://{urlsplit(address).netloc}").partition("#")[0]
    connection.request("GET", path, headers={"Accept": "text/html", "Cookie": cookies, **headers})
    answer = connection.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()


def test_a_link_opens_once_and_its_cookie_again(served: tuple[Ui, str]) -> None:
    process, _ = served
    link = process.said[1].split()[0]
    status, headers, _ = browser(link)
    assert status == 303
    cookie, *attributes = headers["set-cookie"].split("; ")
    page = f"{process.address}{headers['location']}"
    assert {"HttpOnly", "SameSite=Lax", f"Path={headers['location']}"} == set(attributes)
    assert "link" not in headers["location"]
    assert browser(page)[0] == 403 and browser(page, "bench-ui=wrong")[0] == 403
    assert "<title>MLflow</title>" in browser(page, cookie)[2]
    assert browser(f"{page}ajax-api/2.0/mlflow/experiments/get?experiment_id=1", cookie)[0] == 200
    assert browser(f"{process.address}/", cookie)[0] == 403, "the path is a secret, too"
    again, _, said = browser(link)
    assert again == 403 and "A link works once: press Enter" in said
    assert browser(link, cookie)[0] == 303, "as when a page is reloaded"


def as_another_account(call: Callable[[], Any]) -> Any:
    """What a call returns to an account that has nothing of ours, as JSON. It runs in a copy of this process."""
    if os.getuid() != 0:
        pytest.skip("only root can act as another account")
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            os.write(write, json.dumps(call()).encode())
        except BaseException as error:
            os.write(write, json.dumps(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        found = json.loads(answer.read())
    os.waitpid(pid, 0)
    return found


def readable(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def test_another_account_of_the_machine_gets_nothing(served: tuple[Ui, str], tmp_path: Path) -> None:
    """What was shown of MLflow's server: to read and write another's files by an experiment that keeps its own there."""
    process, run_id = served
    pids = (process.process.pid, *children_of(process.process.pid))
    create = json.dumps({"name": "evil", "artifact_location": tmp_path.as_uri()})

    def told(method: str, path: str, body: str | None = None, **headers: str) -> int:
        connection = http.client.HTTPConnection(urlsplit(process.address).netloc, timeout=30)
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        return connection.getresponse().status

    def attack() -> dict[str, Any]:
        return {
            "user": os.getuid(),
            "answers": [
                told("GET", "/"),
                told("GET", "/version"),
                told("GET", f"/get-artifact?path=run.json&run_uuid={run_id}"),
                told("GET", "/api/2.0/mlflow/experiments/search?max_results=1"),
                told("GET", "/api/2.0/mlflow/experiments/search?max_results=1", Authorization="Bearer guessed"),
                told("POST", "/api/2.0/mlflow/experiments/create", create),
                told("POST", "/ajax-api/3.0/mlflow/assistant/message", "{}"),
                told("PUT", "/api/2.0/mlflow-artifacts/artifacts/evil.txt", "evil"),
            ],
            "commands": "".join(readable(f"/proc/{pid}/cmdline") for pid in pids),
            "environments": "".join(readable(f"/proc/{pid}/environ") for pid in pids),
        }

    found = as_another_account(attack)
    assert found["user"] == 65534 and found["answers"] == [401] * 8
    assert "bench" in found["commands"] and KEY not in found["commands"] and "link=" not in found["commands"]
    assert found["environments"] == ""
    assert "evil" not in process.get("api/2.0/mlflow/experiments/search?max_results=100")


def test_files_stay_below_the_results_folder_even_for_whoever_may_write(served: tuple[Ui, str], tmp_path: Path) -> None:
    """An experiment that keeps its files elsewhere, a link out of a run's folder, and a path that climbs."""
    process, run_id = served
    (tmp_path / "secret.txt").write_text("secret")
    experiment = {"name": "elsewhere", "artifact_location": tmp_path.as_uri()}
    made = process.post("api/2.0/mlflow/experiments/create", experiment)["experiment_id"]
    run = process.post("api/2.0/mlflow/runs/create", {"experiment_id": made})["run"]["info"]
    Path(tmp_path / run["run_id"] / "artifacts").mkdir(parents=True)
    (tmp_path / run["run_id"] / "artifacts" / "secret.txt").write_text("secret")
    own = json.loads(process.get(f"api/2.0/mlflow/runs/get?run_id={run_id}"))["run"]["info"]
    folder = Path(urlsplit(own["artifact_uri"]).path.replace("%20", " "))
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "out").symlink_to(tmp_path)
    try:
        for path in (
            f"get-artifact?path=secret.txt&run_uuid={run['run_id']}",
            f"api/2.0/mlflow/artifacts/list?run_id={run['run_id']}",
            f"get-artifact?path=link.txt&run_uuid={run_id}",
            f"get-artifact?path=out/secret.txt&run_uuid={run_id}",
            f"get-artifact?path=../../../../secret.txt&run_uuid={run_id}",
            f"api/2.0/mlflow/artifacts/list?run_id={run_id}&path=out",
        ):
            with pytest.raises(urllib.error.HTTPError, match=r"40\d|500"):
                process.get(path)
        for there in (f"run_uuid={run['run_id']}&path=evil.txt", f"run_uuid={run_id}&path=out/evil.txt"):
            with pytest.raises(urllib.error.HTTPError, match=r"40\d|500"):
                process.post(f"ajax-api/2.0/mlflow/upload-artifact?{there}", b"evil")
        listed = json.loads(process.get(f"api/2.0/mlflow/artifacts/list?run_id={run_id}"))["files"]
        assert "run.json" in {file["path"] for file in listed}
        assert {"link.txt", "out"}.isdisjoint(file["path"] for file in listed)
    finally:
        (folder / "link.txt").unlink()
        (folder / "out").unlink()
    assert not list(tmp_path.rglob("evil.txt"))
    assert process.post(f"ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=good.txt", b"good") == {}
    assert (folder / "good.txt").read_text() == "good"


async def passed(method: str, path: str, access: Access, **headers: str) -> int:
    """Status of what the gate answers to a request; 200 where it hands it to what it guards."""
    said: list[int] = []

    async def send(message: Any) -> None:
        said.extend([message["status"]] if "status" in message else [])

    async def served(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": lines}
    await Gate(served, access)(scope, None, send)  # type: ignore[arg-type]
    return said[0]


READS = (
    *("GET /", "GET /static-files/static/js/main.js", "GET /get-artifact", "POST /graphql"),
    *(
        "GET /api/2.0/mlflow/runs/get",
        "POST /api/2.0/mlflow/runs/search",
        "POST /ajax-api/2.0/mlflow/experiments/search",
    ),
    *("GET /ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", "GET /ajax-api/2.0/mlflow/artifacts/list"),
    "GET /api/2.0/mlflow-artifacts/artifacts/1/run.json",
)
WRITES = (
    *("POST /api/2.0/mlflow/experiments/create", "POST /ajax-api/2.0/mlflow/runs/delete"),
    *("POST /api/2.0/mlflow/runs/log-batch", "POST /ajax-api/2.0/mlflow/experiments/set-experiment-tag"),
    *("PUT /api/2.0/mlflow-artifacts/artifacts/1/run.json", "DELETE /api/2.0/mlflow-artifacts/artifacts/1"),
    *("POST /ajax-api/2.0/mlflow/upload-artifact", "PATCH /api/2.0/mlflow/registered-models/update"),
)
NEVER = (
    *("POST /ajax-api/3.0/mlflow/assistant/message", "PUT /ajax-api/3.0/mlflow/assistant/config"),
    *("POST /api/2.0/mlflow/webhooks", "POST /ajax-api/2.0/mlflow/gateway-proxy", "POST /gateway/x/mlflow/invocations"),
    *("GET /api/3.0/mlflow/gateway/secrets/list", "POST /api/3.0/mlflow/scorers/register", "GET /api/3.0/jobs/1"),
    *("POST /v1/traces", "POST /api/3.0/mlflow/genai/evaluate/invoke", "POST /ajax-api/3.0/mlflow/demo/generate"),
)


@pytest.mark.parametrize("request_line", [*READS, *WRITES, *NEVER])
def test_what_is_let_through(request_line: str) -> None:
    """With the key or a cookie: what is shown always, what is changed with --writable, what starts programs never."""
    method, path = request_line.split()
    for writable in (False, True):
        access = Access(writable=writable, key="k")
        right = 200 if request_line in READS or (writable and request_line in WRITES) else 404
        right = 403 if request_line in WRITES and not writable else right
        cookie = f"bench-ui={access.cookie()}"
        assert asyncio.run(passed(method, path, access, authorization="Bearer k")) == right
        assert asyncio.run(passed(method, f"/{access.path}{path}", access, cookie=cookie)) == right
        assert asyncio.run(passed(method, path, access)) == 401
        assert asyncio.run(passed(method, f"/{access.path}{path}", access)) == 403
        other = {"cookie": cookie, "origin": "http://127.0.0.1:6000", "host": "127.0.0.1:5000"}
        assert asyncio.run(passed(method, f"/{access.path}{path}", access, **other)) == 403


def test_a_key_is_a_token_or_a_password() -> None:
    access = Access(key="k\u00e9y")
    for header, right in (
        ("Bearer k\u00e9y", True),
        ("Basic " + base64.b64encode("ann:k\u00e9y".encode()).decode(), True),
        ("Basic " + base64.b64encode(b"ann:").decode(), False),
        ("Basic ????", False),
        ("Bearer ", False),
        ("k\u00e9y", False),
        ("", False),
    ):
        assert access.is_authorization(header) is right, header
    other = Access(key="k\u00e9y")
    assert not other.is_cookie(access.cookie()), "another start of the server has another cookie"
    assert "k\u00e9y" not in repr(access)


def test_when_the_ui_is_interrupted_nothing_of_it_stays(tmp_path: Path) -> None:
    """As when it is terminated, with which the tests above end."""
    log_study(tmp_path)
    assert_nothing_stays(Ui(tmp_path), signal.SIGINT)


def assert_nothing_stays(ui_process: Ui, ending: signal.Signals) -> None:
    """Ends `bench ui` by a signal: its server goes with it, and it says so."""
    process = ui_process.process
    children = children_of(process.pid)
    assert children
    process.send_signal(ending)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert rest.strip() == "ended"
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    with pytest.raises(urllib.error.URLError):
        ui_process.get("health")


def children_of(pid: int) -> list[int]:
    """Every process below `pid`."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if not listed.exists():
        pytest.skip("this system does not list child processes")
    below = [int(child) for child in listed.read_text().split()]
    return below + [grandchild for child in below for grandchild in children_of(child)]


def test_no_results_yet_is_said(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no results in .* yet: start a study with bench run"):
        ui.command(results=tmp_path, port=None, host="127.0.0.1", tracking_uri=None)


def test_a_tracking_server_needs_no_ui_of_ours(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="server already") as raised:
        ui.command(results=tmp_path, port=None, host="127.0.0.1", tracking_uri="http://ann:s3cret@host:5000")
    assert "s3cret" not in str(raised.value)


def test_a_taken_port(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BenchError, match=f"port {port} is taken"):
            ui._port("127.0.0.1", port)
        monkeypatch.setattr(ui, "DEFAULT_PORT", port)
        other = ui._port("127.0.0.1", None)
    assert other != port
    assert capsys.readouterr().out == f"Port {port} is taken, so this is on {other}.\n"


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(BenchError, match="not an address of this machine"):
        free_port("192.0.2.1", 0)


def test_a_server_that_cannot_start_says_why_without_the_password(tmp_path: Path) -> None:
    server = Server("nonsense://ann:s3cret@host/x", tmp_path, host="127.0.0.1", port=free_port("127.0.0.1", 0) or 0)
    try:
        with pytest.raises(BenchError, match=r"did not start: .*nonsense") as raised:
            server.wait_until_ready()
    finally:
        server.stop()
    assert "s3cret" not in str(raised.value)
    assert os.linesep not in str(raised.value)


def test_a_folder_that_cannot_be_written_to_is_shown_by_a_copy_of_its_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A colleague's results, in a place that has another path there."""
    run_id = log_study(tmp_path / "theirs")
    results = (tmp_path / "theirs").rename(tmp_path / "here")
    before = {path: path.read_bytes() for path in results.iterdir() if path.is_file()}
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # for root, every folder can be written to
    (tmp_path / "copy").mkdir()
    uri = ui._own_database(results, tmp_path / "copy")
    monkeypatch.undo()
    assert "this shows a copy of its database" in capsys.readouterr().out
    from mlflow import MlflowClient

    shown = MlflowClient(uri).get_run(run_id)
    assert shown.data.tags["bench.status"] == "complete"
    assert shown.info.artifact_uri.startswith((results / "artifacts").as_uri())
    assert {path: path.read_bytes() for path in results.iterdir() if path.is_file()} == before
