"""Leaderboards from results folders: figures recomputed from the stored predictions, ranks, protocols, pages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markdown_it import MarkdownIt
from reporting_results import fitted, make_study, run_record, save, study_record

from bench.errors import BenchError
from bench.plugins import PluginConfig, Recipe, TrainingSettings
from bench.plugins.registry import Registry
from bench.reporting import leaderboard_page, leaderboard_table
from bench.reporting.build_leaderboard import build_leaderboard
from bench.reporting.commands import portable_command
from bench.reporting.publishing import dataset_file_name, load_published, publish
from bench.trial import TrialSpec


def recipe() -> Recipe:
    return Recipe(
        name="blobs-recipe",
        summary="blobs",
        datasets=("blobs",),
        feature=PluginConfig(name="mel"),
        model=PluginConfig(name="logistic"),
        training=TrainingSettings(),
        published={"test_accuracy": 0.8429},
        source="a paper",
    )


def test_figures_of_a_row_are_those_of_its_stored_predictions(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path)
    row = build_leaderboard(tmp_path, "blobs").rows()[0]
    finals = [run for run in study.finals() if run.spec.configuration().startswith(row.id)]
    assert len(finals) == len(row.runs) == 3
    accuracies: dict[str, list[float]] = {"validation": [], "test": []}
    for split, values in accuracies.items():
        for run in finals:
            with np.load(study.run_folder(run) / f"{split}.npz") as stored:
                values.append(float(np.mean(stored["probabilities"].argmax(axis=1) == stored["targets"])))
    assert row.validation["accuracy"].mean == pytest.approx(np.mean(accuracies["validation"]))
    assert row.test["accuracy"].mean == pytest.approx(np.mean(accuracies["test"]))
    assert row.test["accuracy"].deviation == pytest.approx(np.std(accuracies["test"], ddof=1))
    assert row.test["accuracy"].n == 3
    assert row.test_interval is not None
    assert row.test_interval.low < row.test["accuracy"].mean < row.test_interval.high
    assert (row.test_interval.over, row.test_interval.groups) == (("clips", "groups", "seeds"), 6)
    assert row.train_seconds.mean == pytest.approx(83.0)


def test_figures_come_from_predictions_which_the_record_beside_them_has_to_agree_with(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path)
    path = study.run_folder(study.finals()[0]) / "run.json"
    content = json.loads(path.read_text())
    content["result"]["test"]["macro_f1"] = 1.0
    path.write_text(json.dumps(content))
    assert all(row.test["macro_f1"].mean < 1 for row in build_leaderboard(tmp_path, "blobs").rows())
    content["result"]["test"]["accuracy"] = 0.999
    path.write_text(json.dumps(content))
    with pytest.raises(
        BenchError, match=r"run.json has the test accuracy 0.9990 of .* and test.npz beside it gives 0\.[0-8]"
    ):
        build_leaderboard(tmp_path, "blobs")


def test_rows_are_ranked_by_validation_and_not_by_test(tmp_path: Path) -> None:
    """The second configuration has the better test predictions and the worse validation predictions."""
    study, record = make_study(tmp_path, finals=0)
    good, bad = fitted(seed=1, noise=0.3), fitted(seed=1, noise=2.5)
    for number, predictions in (
        (1, {"validation": good["validation"], "test": bad["test"]}),
        (2, {"validation": bad["validation"], "test": good["test"]}),
    ):
        save(
            study,
            run_record(record, kind="final", number=number, width=float(number), predictions=predictions),
            predictions,
        )
    rows = build_leaderboard(tmp_path, "blobs").rows()
    assert [row.rank for row in rows] == [1, 2]
    assert [row.model.options["width"] for row in rows] == [1.0, 2.0]
    assert rows[0].test["accuracy"].mean < rows[1].test["accuracy"].mean
    assert rows[0].test["accuracy"].deviation is None


def test_the_objective_ranks(tmp_path: Path) -> None:
    make_study(tmp_path, objective="balanced_accuracy")
    leaderboard = build_leaderboard(tmp_path, "blobs")
    means = [row.validation["balanced_accuracy"].mean for row in leaderboard.rows()]
    assert means == sorted(means, reverse=True)
    page = leaderboard_page.render_leaderboard(leaderboard, source="x.json")
    assert "Test balanced accuracy" in page
    assert "ranked by validation balanced accuracy" in page


def test_other_data_are_another_section(tmp_path: Path) -> None:
    make_study(tmp_path, "first")
    make_study(tmp_path, "second", revision="ffffffffffffffff", created="2025-02-01T10:00:00+00:00")
    by_speaker = PluginConfig(name="blobs", options={"split": "speaker"})
    make_study(tmp_path, "third", dataset=by_speaker, created="2025-03-01T10:00:00+00:00")
    make_study(tmp_path, "other", dataset=PluginConfig(name="something-else"))
    leaderboard = build_leaderboard(tmp_path, "blobs")
    assert [[study.name for study in protocol.studies] for protocol in leaderboard.protocols] == [
        ["third"],
        ["second"],
        ["first"],
    ]
    assert [len(protocol.rows) for protocol in leaderboard.protocols] == [2, 2, 2]
    assert "cannot be compared across sections" in leaderboard_page.render_leaderboard(leaderboard, source="x.json")


def test_studies_of_one_protocol_share_rows_and_a_repeated_seed_counts_once(tmp_path: Path) -> None:
    first, _ = make_study(tmp_path, "first")
    make_study(tmp_path, "second", created="2025-02-01T10:00:00+00:00")
    predictions = fitted(seed=77)
    record = study_record("first")
    save(first, run_record(record, kind="final", number=1, repeat=3, width=1.0, predictions=predictions), predictions)
    (protocol,) = build_leaderboard(tmp_path, "blobs").protocols
    assert [study.name for study in protocol.studies] == ["first", "second"]
    assert sorted(len(row.runs) for row in protocol.rows) == [3, 4]


def test_a_final_that_failed_is_left_out_and_said(tmp_path: Path) -> None:
    study, record = make_study(tmp_path, finals=1)
    save(
        study, run_record(record, kind="final", number=1, repeat=3, width=1.0, status="diverged", reason="loss is nan")
    )
    leaderboard = build_leaderboard(tmp_path, "blobs")
    (row,) = leaderboard.rows()
    assert row.test["accuracy"].n == 3
    assert row.not_complete == {"diverged": 1}
    page = leaderboard_page.render_leaderboard(leaderboard, source="x.json")
    assert f"Row {row.id}: not in its figures are finals that ended otherwise: 1 diverged." in page


def test_a_page_says_what_its_intervals_do_not_cover(tmp_path: Path) -> None:
    study, record = make_study(tmp_path, finals=0)
    claims = (
        (6, "for new clips and new groups, by this network (90 clips of 6 groups, 1 seed)"),
        (0, "for new clips, by this network (90 clips, 1 seed)"),
        (2, "No interval: 2 groups are too few to say anything about new ones"),
    )
    for speakers, claim in claims:
        predictions = fitted(seed=1, speakers=speakers)
        save(study, run_record(record, kind="final", number=1, predictions=predictions), predictions)
        page = leaderboard_page.render_leaderboard(build_leaderboard(tmp_path, "blobs"), source="x.json")
        assert claim in page


def test_the_ledger_counts_all_trials_with_their_reasons(tmp_path: Path) -> None:
    make_study(tmp_path)
    (study,) = build_leaderboard(tmp_path, "blobs").protocols[0].studies
    assert study.statuses == {"complete": 2, "pruned": 1, "failed": 1}
    assert {(reason.status, reason.trials) for reason in study.reasons} == {("pruned", 1), ("failed", 1)}
    assert study.finals == {"complete": 6}
    assert study.finished == 4


def test_published_figures_stand_beside_those_measured(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path)
    leaderboard = build_leaderboard(tmp_path, "blobs", registry=Registry(recipes={"blobs-recipe": recipe()}))
    (reference,) = leaderboard.protocols[0].studies[0].references
    assert reference.published == {"test_accuracy": 0.8429}
    assert reference.validation == study.trials()[0].result.validation
    (row,) = [row for row in leaderboard.rows() if row.origin == "blobs-recipe"]
    page = leaderboard_page.render_leaderboard(leaderboard, source="x.json")
    line = next(line for line in page.splitlines() if line.startswith("| blobs-recipe |"))
    assert "test accuracy 0.8429" in line
    assert f"{row.test['accuracy'].mean:.4f}" in line


def test_no_finals_yet_says_which_command_makes_them(tmp_path: Path) -> None:
    make_study(tmp_path, "night", finals=0)
    with pytest.raises(BenchError, match="bench run --resume night"):
        build_leaderboard(tmp_path, "blobs")


def test_a_study_without_finals_is_named_beside_the_others(tmp_path: Path) -> None:
    make_study(tmp_path, "done")
    make_study(tmp_path, "night", finals=0)
    page = leaderboard_page.render_leaderboard(build_leaderboard(tmp_path, "blobs"), source="x.json")
    assert "Study night has 2 complete trials and no finals yet; bench run --resume night makes them." in page


def test_unknown_data_set(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="bench run --dataset blobs"):
        build_leaderboard(tmp_path, "blobs")
    make_study(tmp_path)
    with pytest.raises(BenchError, match="did you mean blobs"):
        build_leaderboard(tmp_path, "blob")


def test_damaged_predictions_are_an_error(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path)
    (study.run_folder(study.finals()[0]) / "test.npz").write_bytes(b"PK nonsense")
    with pytest.raises(BenchError, match=r"test\.npz cannot be read"):
        build_leaderboard(tmp_path, "blobs")


def test_a_study_whose_record_is_damaged_is_said_and_costs_the_others_nothing(tmp_path: Path) -> None:
    make_study(tmp_path, "first")
    whole = build_leaderboard(tmp_path, "blobs")
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "study.json").write_text('{"name": "sec')
    said: list[str] = []
    assert build_leaderboard(tmp_path, "blobs", warn=said.append) == whole
    (line,) = said
    assert "left out" in line and "second/study.json is damaged" in line and "move the study's folder away" in line
    (tmp_path / "first" / "study.json").write_text("")
    with pytest.raises(BenchError, match=r"first/study\.json is damaged"):
        build_leaderboard(tmp_path, "blobs")


def test_a_data_set_with_a_path_is_found_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = PluginConfig(name="folder", options={"path": str(tmp_path / "my sounds"), "seed": 0})
    make_study(tmp_path / "results", dataset=config)
    for reference in (f"folder:{tmp_path}/my sounds", "folder:my sounds", "folder"):
        assert build_leaderboard(tmp_path / "results", reference).rows()
    with pytest.raises(BenchError, match="no study of data set 'folder:elsewhere'"):
        build_leaderboard(tmp_path / "results", "folder:elsewhere")


def test_publishing_and_reading_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study, _ = make_study(tmp_path / "results")
    leaderboard = build_leaderboard(tmp_path / "results", "blobs")
    page, data = publish(leaderboard, Path("leaderboards"), results=tmp_path / "results")
    assert (page, data) == (Path("leaderboards/blobs.md"), Path("leaderboards/blobs.json"))
    read = load_published(data)
    assert read.predictions is not None and (read.source, read.predictions.file) == (str(data), "blobs.predictions.npz")
    assert read.model_copy(update={"source": "", "predictions": None}) == leaderboard
    row = read.row(leaderboard.rows()[1].id)
    specs = [run.spec for run in study.finals() if run.spec.configuration().startswith(row.id)]
    assert [run.spec for run in row.runs] == specs
    assert all(isinstance(run.spec, TrialSpec) for run in row.runs)
    text = page.read_text()
    for listed in leaderboard.rows():
        assert f"`bench reproduce leaderboards/blobs.json:{listed.id}`" in text
        assert f"{listed.test['accuracy'].mean:.4f} ± {listed.test['accuracy'].deviation:.4f} (n=3)" in text
    index = Path("leaderboards/README.md").read_text()
    assert "[blobs](blobs.md)" in index
    assert f"{leaderboard.rows()[0].test['accuracy'].mean:.4f}" in index
    with pytest.raises(BenchError, match="no row 'nothing'"):
        read.row("nothing")


def test_the_command_of_a_row_can_be_typed_where_its_folder_has_spaces(tmp_path: Path) -> None:
    make_study(tmp_path)
    leaderboard = build_leaderboard(tmp_path, "blobs")
    page = leaderboard_page.render_leaderboard(leaderboard, source="my pages/blobs.json")
    assert f"`bench reproduce 'my pages/blobs.json:{leaderboard.rows()[0].id}'`" in page


def test_a_published_page_keeps_this_machine_to_itself(tmp_path: Path) -> None:
    make_study(tmp_path / "results")
    for path in publish(build_leaderboard(tmp_path / "results", "blobs"), tmp_path / "pages"):
        assert "secret" not in path.read_text()


def test_publishing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    make_study(tmp_path / "results")
    paths = publish(build_leaderboard(tmp_path / "results", "blobs"), tmp_path / "pages")
    before = [path.read_bytes() for path in paths]
    publish(build_leaderboard(tmp_path / "results", "blobs"), tmp_path / "pages")
    assert [path.read_bytes() for path in paths] == before


def test_somebody_elses_files_are_left_alone(tmp_path: Path) -> None:
    make_study(tmp_path / "results")
    leaderboard = build_leaderboard(tmp_path / "results", "blobs")
    (tmp_path / "README.md").write_text("# My project\n")
    with pytest.raises(BenchError, match=r"README\.md was not written by bench leaderboard"):
        publish(leaderboard, tmp_path)
    assert (tmp_path / "README.md").read_text() == "# My project\n"
    assert not (tmp_path / "blobs.md").exists()


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    make_study(tmp_path / "results")
    (tmp_path / "pages").write_text("a file, not a folder")
    with pytest.raises(BenchError, match="cannot be written"):
        publish(build_leaderboard(tmp_path / "results", "blobs"), tmp_path / "pages")


def test_a_page_of_a_newer_version_is_not_taken_for_one_of_this(tmp_path: Path) -> None:
    make_study(tmp_path / "results")
    _, data = publish(build_leaderboard(tmp_path / "results", "blobs"), tmp_path / "pages")
    data.write_text(data.read_text().replace('"schema_version": 2', '"schema_version": 3', 1))
    with pytest.raises(BenchError, match="update bench"):
        load_published(data)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"schema_version": 1, "dataset": "x"', b"\xff\xfe"])
def test_a_damaged_json_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(BenchError) as caught:
        load_published(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(BenchError, match="no leaderboard at"):
        load_published(tmp_path / "absent.json")


@pytest.mark.parametrize(
    "dataset", ["folder:../a b/c|d", "csv:/x/<y>.csv", "readme", "folder:", "..", "a/b", "folder:/é"]
)
def test_file_names_are_safe_and_distinct(dataset: str) -> None:
    name = dataset_file_name(dataset)
    assert name.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert not name.startswith(".")
    assert name.lower() != "readme"
    assert name != dataset_file_name(dataset + "x")
    assert dataset_file_name("fsdd") == "fsdd"
    assert dataset_file_name("folder:/a/words") != dataset_file_name("folder:/b/words")


def nasty_study(results: Path) -> dict[str, Any]:
    evil = "<script>alert(1)</script>|x\n# `y`"
    dataset = PluginConfig(name="blobs", options={"split": evil})
    make_study(
        results, dataset=dataset, notes=(evil,), labels=(evil, "b", "c", "d"), enqueued=(evil,), command=f"b {evil}"
    )
    return {"blobs-recipe": recipe().model_copy(update={"source": evil})}


def test_no_name_becomes_markup(tmp_path: Path) -> None:
    """Read back with a Markdown parser: no tag but our own, no link, and as many cells in every row as there are columns."""
    leaderboard = build_leaderboard(tmp_path, "blobs", registry=Registry(recipes=nasty_study(tmp_path)))
    page = leaderboard_page.render_leaderboard(leaderboard, source="a|<b>.json")
    tokens = [
        inner
        for token in MarkdownIt("commonmark").enable("table").parse(page)
        for inner in (token, *(token.children or ()))
    ]
    tags = {tag for token in tokens if token.type.startswith("html") for tag in re.findall(r"</?(\w+)", token.content)}
    assert tags == {"details", "summary", "code"}
    assert not [token for token in tokens if token.type in ("link_open", "image")]
    levels = [token.tag for token in tokens if token.type == "heading_open"]
    assert levels == ["h1", *["h3"] * 7]
    columns = len(leaderboard_table.PAGE_COLUMNS)
    rows = [line for line in page.splitlines() if line.startswith("| ")][: 2 + 2]
    assert {line.replace("\\|", "").count("|") for line in rows} == {columns + 1}


@pytest.mark.parametrize(
    ("command", "published"),
    [
        ("bench run --dataset fsdd --data-dir '/home/me/my data' --trials 4", "bench run --dataset fsdd --trials 4"),
        ("bench run --results=/x --dataset fsdd", "bench run --dataset fsdd"),
        ("bench run --tracking-uri http://lab:5000 -d fsdd", "bench run -d fsdd"),
        ("bench run --config /home/me/a.toml --seed 1", "bench run --config a.toml --seed 1"),
        ("bench run --config=/home/me/a.toml", "bench run --config a.toml"),
        ("bench run 'unbalanced", "bench run 'unbalanced"),
    ],
)
def test_commands_are_published_without_the_folders_of_a_machine(command: str, published: str) -> None:
    assert portable_command(command) == published


def test_a_results_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no study of data set"):
        build_leaderboard(tmp_path / "nowhere", "blobs")
