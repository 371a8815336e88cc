"""Studies from Python with worker processes, in scripts as people write them, and what importing bench costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from made_audio import cats_and_dogs

pytestmark = pytest.mark.slow

SCRIPT = """
print("the script runs")
from typing import ClassVar
from torch import nn
import bench
from bench.plugins import Model
{imports}

{model}

study = bench.run(
    "folder:audio", trials=2, models={models}, features=["mel"], epochs=1, finalists=1, final_seeds=1,
    settings={{"feature.mel.sample_rate": 8000}}, workers=1, threads=1, tracking_uri="none",
)
print(study.best.load_model().predict("audio/cat/s0_0.wav").loc[0, "label"] in ("cat", "dog"))
print(study.trials_dataframe()["status"].tolist())
"""

MODEL = '''
class Linear(nn.Module):
    def __init__(self, bands, classes):
        super().__init__()
        self.linear = nn.Linear(bands, classes)
    def forward(self, features):
        return self.linear(features.mean(-1))

class Averaging(Model):
    """A linear layer over the mean of all frames."""
    name: ClassVar[str] = "averaging"
    def build(self, shape, classes):
        return Linear(shape[0], classes)
'''


def run(*words: str, folder: Path, text: str | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, input=text, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


EXPECTED = "the script runs\nTrue\n['complete', 'complete']\n"


def test_a_script_on_standard_input_that_defines_a_model(tmp_path: Path) -> None:
    """Workers do not run it again, and get the class by value."""
    cats_and_dogs(tmp_path / "audio")
    script = SCRIPT.format(imports="", model=MODEL, models="[Averaging]")
    assert run("-", folder=tmp_path, text=script) == EXPECTED


def test_a_script_without_a_main_guard_with_a_model_of_its_own_and_one_of_a_module_beside_it(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path / "audio")
    (tmp_path / "models").mkdir()
    header = "from typing import ClassVar\nfrom torch import nn\nfrom bench.plugins import Model\n"
    (tmp_path / "models" / "mine.py").write_text(header + MODEL)
    own = MODEL.replace("Averaging", "Own").replace('"averaging"', '"own"')
    script = SCRIPT.format(imports="from models.mine import Averaging", model=own, models="[Averaging, Own]")
    (tmp_path / "study.py").write_text(script)
    assert run("study.py", folder=tmp_path) == EXPECTED


def test_a_class_that_cannot_travel_is_refused_at_once(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path / "audio")
    model = MODEL + "    def lock(self):\n        return LOCK\nimport threading\nLOCK = threading.Lock()\n"
    script = SCRIPT.format(imports="", model=model, models="[Averaging]")
    (tmp_path / "study.py").write_text(script)
    done = subprocess.run([sys.executable, "study.py"], cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 1
    assert "model averaging cannot be sent to worker processes" in done.stderr and "workers=0" in done.stderr


def test_importing_bench_imports_nothing_heavy(tmp_path: Path) -> None:
    check = (
        "import sys, bench; assert bench.run and bench.Study and 'load_model' in dir(bench); "
        "print([name for name in ('torch', 'mlflow', 'optuna', 'pandas', 'librosa', 'sklearn') if name in sys.modules])"
    )
    assert run("-c", check, folder=tmp_path) == "[]\n"


def test_a_study_inside_the_process_needs_no_mlflow_and_starts_nothing(tmp_path: Path) -> None:
    cats_and_dogs(tmp_path / "audio")
    script = (
        "import os, sys, bench\n"
        "study = bench.run('folder:audio', trials=1, models=['tc-resnet'], features=['mel'], epochs=1, finalists=0,\n"
        "    settings={'feature.mel.sample_rate': 8000}, workers=0, threads=1)\n"
        "children = open(f'/proc/self/task/{os.getpid()}/children').read() if os.path.exists('/proc/self/task') else ''\n"
        "print('mlflow' in sys.modules, children.split(), len(study.trials), (study.folder.parent / 'mlflow.db').exists())\n"
    )
    assert run("-c", script, folder=tmp_path) == "False [] 1 False\n"


def test_the_command_line_as_a_module(tmp_path: Path) -> None:
    """A study that is started so, with a worker, is in tests/test_study.py."""
    assert "tc-resnet" in run("-m", "bench", "list", "models", folder=tmp_path)
