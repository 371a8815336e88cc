"""The example package, installed by pip into a fresh environment and used by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[1] / "plugins" / "example"
COMMANDS = RECIPE, ITS_MODEL, ITS_FEATURE, CHECK = (
    "show timbre-mlp",
    "show band-mlp --feature mel --dataset fsdd",
    "show cnn --feature band-envelope --dataset timbres",
    "check --make bench-example",
)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the example package in it.

    Everything that the example depends on is lent to it by this environment, rather than installed anew.
    """
    pytest.importorskip("hatchling", reason="the example is built without isolation: pip install hatchling")
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    own = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    # addsitedir, and not the bare path, so that an editable installation's own .pth files are read too.
    lent = sysconfig.get_path("purelib")
    (Path(own) / "lent.pth").write_text(f"import site; site.addsitedir({lent!r})\n")
    pip = [python, "-m", "pip", "install", "--no-index", "--no-deps", "--no-build-isolation", "--quiet", str(EXAMPLE)]
    subprocess.run(pip, check=True)
    return python


def bench(python: Path, *words: str) -> str:
    code = "from bench.cli.main import main; main()"
    done = subprocess.run([python, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_it_is_not_installed_here() -> None:
    done = subprocess.run([sys.executable, "-c", "import bench_example"], capture_output=True, check=False)
    assert done.returncode != 0, "bench-example is installed here, so its installation elsewhere proves nothing"


@pytest.fixture(scope="module")
def shown(python: Path) -> dict[str, str]:
    """What the commands print, which run one after another in one process of that environment."""
    code = (
        "import json, sys; from cli_runner import run; "
        "print(json.dumps([vars(run(*command.split())) for command in sys.argv[1:]]))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    done = subprocess.run(
        [python, "-c", code, *COMMANDS], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    results = json.loads(done.stdout)
    assert all(result["returncode"] == 0 and result["stderr"] == "" for result in results), results
    return {command: result["stdout"] for command, result in zip(COMMANDS, results, strict=True)}


def test_it_is_listed(python: Path) -> None:
    shown = bench(python, "list")
    for name in ("timbres", "band-envelope", "band-mlp", "tremolo", "timbre-mlp"):
        assert any(line.startswith(f"{name} ") and "bench-example" in line for line in shown.splitlines()), name
    assert "cnn " in shown


def test_its_recipe_is_shown_with_its_layers(shown: dict[str, str]) -> None:
    assert "band-mlp on band-envelope [32, 8], 0.25 s clips of timbres, 3 classes" in shown[RECIPE]
    assert "Total params: 1,219\n" in shown[RECIPE]


def test_its_parts_go_together_with_those_that_ship(shown: dict[str, str]) -> None:
    assert "Total params: " in shown[ITS_MODEL] and "Total params: " in shown[ITS_FEATURE]


def test_it_keeps_its_contracts(shown: dict[str, str]) -> None:
    assert shown[CHECK].endswith("5 checked, 0 broken\n")
