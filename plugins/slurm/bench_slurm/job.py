"""What a job of SLURM does: it takes trials from its study, one after another, until it is told to end."""

from __future__ import annotations

import pickle
from pathlib import Path

from bench.executors.jobs import Job
from bench.executors.node import NodeWorker
from bench_slurm.mailbox import Heartbeat, Mailbox

POLL_SECONDS = 0.5
"""Between two looks for orders."""
ORPHAN_SECONDS = 120.0
"""A job whose study has shown no sign for so long ends."""
ENDS, STOPS = "end", "stop"
"""Orders beside a trial to run."""


def serve(folder: str) -> None:
    """Runs trials for the study that has this folder. The function of a job.

    Its worker process ends with it, whatever ends it.
    """
    here = Path(folder)
    orders, replies, study = Mailbox(here / "orders"), Mailbox(here / "replies"), Heartbeat(here.parent / "alive")
    node = NodeWorker(pickle.loads((here.parent / "settings.pkl").read_bytes()))
    replies.send(node.hello())
    while not study.stopped(ORPHAN_SECONDS):
        for order in orders.received():
            if order == ENDS:
                return
            if order == STOPS:
                node.stop()
            elif isinstance(order, Job):
                node.submit(order)
        for message in node.events(POLL_SECONDS):
            replies.send(message)
