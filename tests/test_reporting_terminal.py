"""Tables on terminals of any width."""

from __future__ import annotations

import pytest

from bench.reporting import terminal

HEADER = ("Rank", "Model", "Training time", "Row")
ROWS = [("1", "tc-resnet", "12 min 30 s", "06130f3c")]


def printed_table(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    terminal.print_table(HEADER, ROWS, left=(1,), spare=("Training time",))
    return capsys.readouterr().out


def test_a_narrow_terminal_does_without_what_can_be_spared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide, narrow = (printed_table(width, monkeypatch, capsys) for width in (80, 40))
    assert "12 min 30 s" in wide and "wider" not in wide
    assert "12 min" not in narrow and "06130f3c" in narrow
    assert "(a wider terminal shows: Training time)" in " ".join(narrow.split())


def test_a_pipe_gets_every_column(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_table(HEADER, ROWS, spare=HEADER)
    said = capsys.readouterr().out
    assert all(cell in said for cell in (*HEADER, *ROWS[0]))


def test_escape_sequences_in_names_reach_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from bench.cli.common import warn
    from bench.reporting.progress import PlainProgress

    name = "dog\x1b[2J\x1b]0;owned\x07\u202e"
    progress = PlainProgress()
    for say in (progress.note, progress.warning, warn):
        say(name)
    progress.preparing(f"augmenting {name}", 0, 3)
    said = capsys.readouterr()
    assert said.out.count("dog") == 2 and said.err.count("dog") == 2
    assert not set("\x1b\x07\u202e") & set(said.out + said.err)
