"""The HTML files as a browser shows them: clicked in headless Chromium, with names that would be markup or script."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cli_runner import refusal, run
from made_audio import tone, write
from reporting_results import fitted, make_study, save

from bench.evaluation.predictions import Predictions
from bench.plugins import PluginConfig
from bench.plugins.registry import installed
from bench.reporting import run_figures
from bench.reporting.html.charts import Point, Series, chart, pareto_front
from bench.reporting.html.clip_pictures import PICTURE_BANDS, PICTURE_FRAMES, spectrogram
from bench.reporting.html.run_html import SMALL_HTML
from bench.reporting.html.templating import render_html
from bench.reporting.html.wrong_clips import LEAST_SURE, shown_clips
from bench.reporting.run_report import write_report

HOSTILE = ("<img src=x onerror=alert(1)>", '"];alert(1)//', "</script><script>alert(1)</script>", "{{ 7*7 }}' onload='")

PLUGIN = "<svg onload=alert(1)>"


class Page(HTMLParser):
    """What a parser reads of a page: its elements with their attributes, its text, and the content of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.scripts, self._inside = "", "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts += data
        elif self._inside != "style":
            self.text += data


def check_harmless(text: str) -> Page:
    """No element or attribute but those of the templates, one script, and nothing asked of any address."""
    page = Page(text)
    tags = [tag for tag, _ in page.elements]
    names = {name for _, attributes in page.elements for name in attributes}
    assert page.scripts == (files("bench.reporting.html") / "templates" / "page.js").read_text()
    assert tags.count("script") == 1 and not [name for name in names if name.startswith("on") or name == "style"]
    assert {attributes["src"] for tag, attributes in page.elements if "src" in attributes and tag == "img"} <= {
        address
        for tag, attributes in page.elements
        if tag == "img"
        for address in [attributes["src"]]
        if address and address.startswith("data:image/png;base64,")
    }
    addresses = [
        value or "" for _, attributes in page.elements for name, value in attributes.items() if name in ("src", "href")
    ]
    assert all(address.startswith(("data:", "#", "report-audio/")) for address in addresses)
    policy = next(a["content"] for t, a in page.elements if t == "meta" and "http-equiv" in a)
    assert policy is not None and policy.startswith("default-src 'none'") and "unsafe" not in policy
    return page


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without PNG files, which take seconds to draw."""
    monkeypatch.setattr(run_figures, "FIGURE_KINDS", {})


@pytest.mark.usefixtures("no_figures")
def test_names_are_text_whatever_they_hold(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path / "results", labels=HOSTILE, notes=(HOSTILE[2],))
    for final in study.finals():
        spec = final.spec.model_copy(update={"model": PluginConfig(name=PLUGIN, options={HOSTILE[1]: HOSTILE[3]})})
        predictions = {split: study.predictions(final, split) for split in ("validation", "test")}
        save(study, final.model_copy(update={"spec": spec, "origin": HOSTILE[2]}), predictions)
    written = write_report(study, study.finals()[0], tmp_path / "out", registry=installed(), html=SMALL_HTML)
    assert written.html is not None
    page = check_harmless(written.html.read_text())
    for name in (*HOSTILE, PLUGIN):
        assert name in page.text
    assert "no longer decoded" in written.on_sounds and "no longer decoded" in page.text
    done = run("leaderboard", "blobs", "--html")
    assert done.returncode == 0, done.stderr
    board = check_harmless((tmp_path / "results" / "leaderboards" / "blobs.html").read_text())
    assert all(name in board.text for name in (*HOSTILE, PLUGIN))
    row = json.loads((tmp_path / "results" / "leaderboards" / "blobs.json").read_text())["protocols"][0]["rows"][0]
    assert f"{row['test']['accuracy']['mean']:.4f}" in board.text


def test_lines_and_directions_of_writing_do_not_get_through() -> None:
    report = SimpleNamespace(updated=HOSTILE[0], source=f"{HOSTILE[1]}\u202eabc\n")
    page = check_harmless(
        render_html("leaderboard.html", title=HOSTILE[2], leaderboard=report, sections=[], on_times="", statuses=str)
    )
    assert HOSTILE[0] in page.text and f"{HOSTILE[1]} abc" in page.text and "\u202e" not in page.text


def test_the_pareto_front_holds_what_nothing_beats() -> None:
    points = [Point(x, y, "") for x, y in ((3, 0.9), (1, 0.5), (2, 0.4), (2, 0.7), (4, 0.9), (5, 0.95))]
    assert [(point.x, point.y) for point in pareto_front(points)] == [(1, 0.5), (2, 0.7), (3, 0.9), (5, 0.95)]


def test_a_chart_leaves_out_what_has_no_place() -> None:
    points = (Point(0, 0.5, "none"), Point(10, float("nan"), "nan"), Point(10, 0.5, "a"), Point(1000, 0.7, "b"))
    drawn = chart([Series("rows", points)], tab="", x_title="", y_title="", log=True)
    assert drawn is not None and [point.tip for point in drawn.series[0].points] == ["a", "b"]
    left, right = drawn.series[0].points
    assert left.x < right.x and left.y > right.y  # the origin is at the top left
    assert {"10", "1000"} <= {tick.text for tick in drawn.x_ticks}
    assert chart([Series("rows", points[:2])], tab="", x_title="", y_title="", log=True) is None


def test_the_clips_are_those_that_any_seed_got_wrong_and_their_neighbours_are_right() -> None:
    by_run = {f"seed-{seed}": fitted(seed=seed)["test"] for seed in range(3)}
    clips = shown_clips("seed-1", by_run)
    predictions = by_run["seed-1"]
    right = {id for id, hit in zip(predictions.ids, predictions.predicted == predictions.targets, strict=True) if hit}
    wrong_for_any = {
        id for of in by_run.values() for id, hit in zip(of.ids, of.predicted == of.targets, strict=True) if not hit
    }
    assert {clip.id for clip in clips if not clip.is_right} == wrong_for_any
    assert [clip.seeds_wrong for clip in clips] == sorted((clip.seeds_wrong for clip in clips), reverse=True)
    wrong = [clip for clip in clips if not clip.is_right]
    assert all(clip.nearest in right and clip.nearest != clip.id for clip in wrong)
    logs = np.log(predictions.probabilities.astype(float))
    centred = dict(zip(predictions.ids, logs - logs.mean(axis=1, keepdims=True), strict=True))
    for clip in wrong:
        near = min((id for id in right if id != clip.id), key=lambda id: np.linalg.norm(centred[id] - centred[clip.id]))
        assert np.linalg.norm(centred[clip.nearest] - centred[clip.id]) == pytest.approx(
            np.linalg.norm(centred[near] - centred[clip.id])
        )
    assert max(np.bincount([clip.truth for clip in clips if clip.is_right])) <= LEAST_SURE


def test_without_a_right_clip_there_is_no_neighbour() -> None:
    wrong = Predictions(
        labels=("a", "b"),
        ids=("x", "y"),
        groups=("", ""),
        targets=np.array([0, 0]),
        probabilities=np.array([[0.1, 0.9], [0.0, 1.0]], dtype=np.float32),
    )
    assert [clip.nearest for clip in shown_clips("run", {"run": wrong})] == ["", ""]


@pytest.mark.parametrize("hertz", [500, 3000])
def test_a_spectrogram_is_brightest_where_the_tone_is(hertz: int) -> None:
    samples = np.sin(2 * np.pi * hertz * np.arange(4000) / 8000).astype(np.float32)
    levels = spectrogram(samples, 8000)
    assert levels.shape == (PICTURE_BANDS, PICTURE_FRAMES)
    brightest = PICTURE_BANDS - 1 - int(levels[:, PICTURE_FRAMES // 2].argmax())  # the high frequencies stand first
    assert abs((brightest + 0.5) * 4000 / PICTURE_BANDS - hertz) < 4000 / PICTURE_BANDS


@pytest.mark.parametrize("samples", [0, 1, 100])
def test_the_spectrogram_of_silence_is_dark_and_of_any_length(samples: int) -> None:
    assert not spectrogram(np.zeros(samples, dtype=np.float32), 8000).any()


def test_sizes_are_checked_and_go_with_the_html_file() -> None:
    refusal(run("report", "first", "--html", "--embed-audio", "1,5MB"), "--embed-audio '1,5MB' is no size", code=2)
    refusal(run("report", "first", "--embed-audio", "5MB"), "give --html", code=2)


CLASSES = "#scores > .table:first-of-type"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a real study of half a minute's tones, whose labels, speakers and file names are hostile."""
    folder = tmp_path_factory.mktemp("html")
    rows = []
    for number in range(60):
        name = f"s{number} {HOSTILE[0]}.wav"
        write(folder / name, tone(number))
        rows.append((name, HOSTILE[number % 3], f"speaker {number % 5} {HOSTILE[1]}"))
    with (folder / "clips.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "group"), *rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(folder / "cache"))
        patch.setattr(run_figures, "FIGURE_KINDS", {})
        words = ("--trials", "2", "--epochs", "1", "--finalists", "1", "--final-seeds", "2", "--workers", "0")
        small = ("--models", "tc-resnet", "--features", "mel", "--set", "feature.mel.sample_rate=8000")
        results = ("--results", folder / "results", "--study", "tones")
        done = run("run", "--dataset", f"csv:{folder / 'clips.csv'}", *words, *small, *results)
        assert done.returncode == 0, done.stderr
    return folder / "results"


def test_a_finished_study_has_a_small_page_of_its_median_seed(study: Path) -> None:
    pages = list(study.glob("tones/final-*/report/report.html"))
    assert len(pages) == 1 and pages[0].stat().st_size < 2_000_000
    page = check_harmless(pages[0].read_text())
    assert "A small copy" in page.text and not (pages[0].parent / "report-audio").exists()
    boards = list((study / "tones").glob("*/*.html"))
    assert len(boards) == 1 and "Leaderboard" in check_harmless(boards[0].read_text()).text


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, which writes down what pages ask for and complain of."""
    programs = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not all(programs):
        pytest.skip("neither Chromium nor its driver is here: apt-get install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for switch in (
        *("headless", "no-sandbox", "disable-gpu", "disable-background-networking", "mute-audio"),
        *("disable-dev-shm-usage", "window-size=1280,900"),
    ):
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs[1]))
    driver.set_script_timeout(20)
    yield driver
    driver.quit()


def requests(browser: Any) -> list[str]:
    """Addresses that the browser has asked for since this was last called."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]


def opened(browser: Any, page: Path) -> Any:
    browser.get_log("browser")
    requests(browser)
    browser.get(page.as_uri())
    return lambda selector: browser.find_elements("css selector", selector)


def check_quiet(browser: Any, folder: Path) -> None:
    """Nothing was complained of, and nothing asked for but what lies in the folder."""
    assert browser.get_log("browser") == []
    asked = requests(browser)
    assert asked and all(address.startswith(("data:", folder.as_uri())) for address in asked), asked


def play(browser: Any, button: Any) -> float:
    """Presses play, and returns the length in seconds of what then plays."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()
    script = """
        const [button, done] = arguments, audio = document.getElementById(`${button.dataset.sound}-audio`);
        const ended = () => button.dataset.played || button.title;
        const look = () => ended() ? done(button.title || audio.duration) : setTimeout(look, 20);
        look();
    """
    return browser.execute_async_script(script, button)


def shown(elements: list[Any]) -> list[Any]:
    return [element for element in elements if element.is_displayed()]


@pytest.mark.browser
def test_a_report_is_clicked_through(browser: Any, study: Path, tmp_path: Path) -> None:
    done = run("report", "tones", "--html", "--output", tmp_path, "--results", study)
    assert done.returncode == 0 and "are in this file" in done.stdout, done.stderr
    find = opened(browser, tmp_path / "report.html")

    header = find(f"{CLASSES} th")[3]
    header.find_element("tag name", "button").click()
    assert header.get_attribute("aria-sort") == "descending"
    recalls = [float(cell.text) for cell in find(f"{CLASSES} td:nth-child(4)") if cell.text]
    assert recalls == sorted(recalls, reverse=True) and len(set(recalls)) > 1
    header.find_element("tag name", "button").click()
    assert [float(cell.text) for cell in find(f"{CLASSES} td:nth-child(4)") if cell.text] == sorted(recalls)
    find(f"{CLASSES} input")[0].send_keys("onerror")
    assert [row.text[: len(HOSTILE[0])] for row in shown(find(f"{CLASSES} tbody tr"))] == [HOSTILE[0]]

    everything = len(find(".clip:not(.right)"))
    cell = next(
        cell
        for cell in find(".confusion button")
        if cell.get_attribute("data-true") != cell.get_attribute("data-predicted")
    )
    cell.click()
    behind = shown(find(".clip"))
    assert 0 < len(behind) == int(cell.text) and cell.get_attribute("aria-pressed") == "true"
    assert {clip.get_attribute("data-predicted") for clip in behind} == {cell.get_attribute("data-predicted")}
    assert cell.get_attribute("aria-label") in find("#clips-shown")[0].text

    assert play(browser, behind[0].find_elements("css selector", ".play")[0]) == pytest.approx(0.5)
    assert play(browser, behind[0].find_elements("css selector", ".play")[1]) == pytest.approx(0.5)
    find("#all-clips")[0].click()
    assert len(shown(find(".clip"))) == everything
    find("#clip-filter")[0].send_keys("speaker 3")
    matching = [clip.text for clip in shown(find(".clip"))]
    assert 0 < len(matching) < everything and all("speaker" in text and "3" in text for text in matching)

    point = find("#search .chart circle")[0]
    browser.execute_script("arguments[0].focus()", point)
    assert find("#tip")[0].text == point.get_attribute("aria-label") and "trial-0000" in find("#tip")[0].text
    point.send_keys("\ue014")  # the right arrow
    assert "trial-0001" in find("#tip")[0].text
    find("#search [role=tab]")[1].click()
    assert len(shown(find("#search .charts:first-child .panel"))) == 1
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    check_quiet(browser, tmp_path)


@pytest.mark.browser
@pytest.mark.usefixtures("no_figures")
def test_sounds_beside_the_page_are_played_on_a_phone(browser: Any, study: Path, tmp_path: Path) -> None:
    done = run("report", "tones", "--html", "--embed-audio", "1kB", "--output", tmp_path, "--results", study)
    assert done.returncode == 0 and "in the folder report-audio beside this file" in done.stdout, done.stderr
    assert len((tmp_path / "report.html").read_bytes()) < 1_500_000 and list((tmp_path / "report-audio").glob("*.wav"))
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    find = opened(browser, tmp_path / "report.html")
    assert play(browser, shown(find(".play"))[0]) == pytest.approx(0.5)
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    check_quiet(browser, tmp_path)


@pytest.mark.browser
def test_a_leaderboard_is_sorted_and_pointed_at(browser: Any, tmp_path: Path) -> None:
    make_study(tmp_path / "results", labels=HOSTILE)
    done = run("leaderboard", "blobs", "--html")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "results" / "leaderboards"
    find = opened(browser, folder / "blobs.html")
    assert [row.text[0] for row in find("#protocol-1 > .table:first-of-type tbody tr")] == ["1", "2"]
    for order in (["1", "2"], ["2", "1"]):
        find("#protocol-1 > .table:first-of-type th button")[0].click()
        assert [row.text[0] for row in find("#protocol-1 > .table:first-of-type tbody tr")] == order
    point = find(".chart circle")[0]
    browser.execute_script("arguments[0].focus()", point)
    assert find("#tip")[0].is_displayed() and "Rank 1" in find("#tip")[0].text
    check_quiet(browser, folder)


@pytest.mark.browser
def test_a_site_is_searched_without_asking_any_address(browser: Any, tmp_path: Path) -> None:
    folder, site = tmp_path / "pages", tmp_path / "site"
    make_study(tmp_path / "results", labels=HOSTILE)
    assert run("leaderboard", "blobs", "--publish", folder).returncode == 0
    assert run("site", folder, "--out", site).returncode == 0
    find = opened(browser, site / "index.html")
    assert shown(find("#hits li")) == []
    find("#site-search")[0].send_keys("onerror")
    assert [hit.text.split("\n")[0] for hit in shown(find("#hits li"))] == ["blobs"]
    find("#site-search")[0].clear()
    find("#site-search")[0].send_keys("rank 2")
    (hit,) = shown(find("#hits li"))
    assert find("#hits-shown")[0].text == "1 of 1 shown"
    hit.find_element("tag name", "a").click()
    assert [details.get_attribute("open") for details in find("section details:has(.target)")] == [None, "true"]
    check_quiet(browser, site)
