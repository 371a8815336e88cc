"""Makes the files of the spoken digits, one fresh process a voice, since eSpeak NG's state runs on from voice to voice."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from bench.plugins import BenchError, ProgressCallback, Split
from bench_plugins.speech.espeak import data_folder
from bench_plugins.speech.script import TAKES, VOICES


def synthesise(
    root: Path, progress: ProgressCallback, *, voices: Mapping[Split, Sequence[str]] = VOICES, takes: int = TAKES
) -> None:
    """Speaks every word `takes` times in every voice, into `root/SPLIT/VOICE/WORD_TAKE.wav`.

    A voice's clips depend on its name and on `takes`, never on the other voices or the number of processes.

    Raises:
        BenchError: eSpeak NG is broken.
        OSError: The files cannot be written.
    """
    folders = {voice: root / split / voice for split in voices for voice in voices[split]}
    processes = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with data_folder() as data, ThreadPoolExecutor(processes) as pool:
        recordings = {pool.submit(_recorded, voice, takes, data): voice for voice in folders}
        try:
            for done, recording in enumerate(as_completed(recordings), start=1):
                folder = folders[recordings[recording]]
                folder.mkdir(parents=True)
                for name, content in recording.result().items():
                    (folder / name).write_bytes(content)
                progress(done, len(folders))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _recorded(voice: str, takes: int, data: Path) -> dict[str, bytes]:
    """The files of one voice, recorded in a process of its own that runs nothing of the caller's script."""
    command = [sys.executable, "-P", "-m", "bench_plugins.speech.recording", voice, str(takes), str(data)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    process = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    if process.returncode != 0:
        reason = (process.stderr.decode(errors="replace").strip() or f"exit status {process.returncode}").splitlines()[
            -1
        ]
        raise BenchError(f"a process that ran eSpeak NG died ({reason}): install espeakng-loader again")
    files: dict[str, bytes] = pickle.loads(process.stdout)
    return files
