"""Published leaderboards as a static site: an index with a search, their pages, and one of every model and feature.

Links are relative and nothing is fetched, so that the site works on any static host and from the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from bench.evaluation.metrics import metric_title
from bench.plugins import PluginConfig
from bench.reporting.html.data_table import Cell, DataTable, data_table
from bench.reporting.html.leaderboard_html import leaderboard_html
from bench.reporting.html.templating import Link, render_html
from bench.reporting.leaderboard_sections import protocol_title
from bench.reporting.numbers import ABSENT, count, interval_text, plural, rank_text, score_text, spread
from bench.reporting.published_leaderboards import PublishedLeaderboard, PublishedRow
from bench.reporting.publishing import INDEX_COLUMNS, LEADERBOARD_NOTICE, dataset_file_name, index_cells

UsedKind = Literal["model", "feature"]
KINDS: tuple[UsedKind, ...] = ("model", "feature")
SITE_NOTICE = "<!-- Written by bench site: changes are lost when it is built again. -->"
LINK_TEXTS = {".json": "JSON", ".md": "Markdown", ".npz": "Predictions"}
"""What links call the files beside a page."""


@dataclass(frozen=True)
class UsedPlugin:
    """A model or a feature with its rows of all pages."""

    kind: UsedKind
    name: str
    rows: tuple[PublishedRow, ...]

    @property
    def address(self) -> str:
        """Address of its page in the site."""
        return _address(f"{self.kind}s", f"{dataset_file_name(self.name)}.html")

    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets of its rows."""
        return tuple(dict.fromkeys(each.dataset for each in self.rows))

    def settings(self, each: PublishedRow) -> PluginConfig:
        """Its options in a row; after a nested search, those of the first outer fold that has it."""
        configs: Iterator[PluginConfig] = (getattr(run.spec, self.kind) for run in each.row.runs)
        return next(config for config in configs if config.name == self.name)


@dataclass(frozen=True)
class Hit:
    """Something that the search leads to."""

    link: Link
    words: str
    """What it is found by, beside its name."""


def site_files(pages: Sequence[PublishedLeaderboard], *, home: Link | None = None) -> dict[str, bytes]:
    """Returns the files of the site by their paths in it.

    Args:
        pages: The published pages.
        home: Link from its index to what the site is a part of, if it is.
    """
    plugins = _used_plugins(pages)
    texts = {"index.html": _index(pages, plugins, home)}
    for page in pages:
        links = _links_of_page(page, [plugin for plugin in plugins if page.leaderboard.dataset in plugin.datasets()])
        board = leaderboard_html(page.leaderboard, notice=LEADERBOARD_NOTICE, links=links)
        texts[f"datasets/{page.name}.html"] = board
    for plugin in plugins:
        texts[f"{plugin.kind}s/{dataset_file_name(plugin.name)}.html"] = _plugin_page(plugin, plugins)
    copied = {f"datasets/{file.name}": file.read_bytes() for page in pages for file in page.files}
    return {**copied, **{path: text.encode() for path, text in texts.items()}}


def _used_plugins(pages: Iterable[PublishedLeaderboard]) -> list[UsedPlugin]:
    rows = [row for page in pages for row in page.rows()]
    return [
        UsedPlugin(kind, name, tuple(each for each in rows if name in _names(kind, each)))
        for kind in KINDS
        for name in sorted({name for each in rows for name in _names(kind, each)})
    ]


def _names(kind: UsedKind, each: PublishedRow) -> list[str]:
    """Names of a row's models or features, of which a nested search has one an outer fold."""
    return list(dict.fromkeys(getattr(run.spec, kind).name for run in each.row.runs))


def _address(*folders_and_file: str, fragment: str = "") -> str:
    """An address in the site, in which names of files are no more than that."""
    path = "/".join(quote(name, safe="") for name in folders_and_file)
    return f"{path}#{fragment}" if fragment else path


def _page_address(name: str, fragment: str = "") -> str:
    return _address("datasets", f"{name}.html", fragment=fragment)


def _row_address(each: PublishedRow) -> str:
    return _page_address(each.page, f"row-{each.number}-{each.row.id}")


def _up() -> list[Link]:
    """The links that every page begins with, to those of the index."""
    return [Link("All leaderboards", "../index.html"), Link("Search", "../index.html#search")]


def _links_of_page(page: PublishedLeaderboard, plugins: Iterable[UsedPlugin]) -> list[Link]:
    beside = [Link(LINK_TEXTS[file.suffix], _address(file.name)) for file in page.files if file.suffix in LINK_TEXTS]
    return [*_up(), *beside, *(Link(plugin.name, f"../{plugin.address}") for plugin in plugins)]


def _index(pages: Sequence[PublishedLeaderboard], plugins: Sequence[UsedPlugin], home: Link | None) -> str:
    rows = [row for page in pages for row in page.rows()]
    of_kind = {kind: [plugin for plugin in plugins if plugin.kind == kind] for kind in KINDS}
    sizes = [plural(len(pages), "data set"), plural(len(rows), "row")]
    sizes += [plural(len(of_kind[kind]), kind) for kind in KINDS]
    last = max(page.leaderboard.updated for page in pages)[:10]
    page = render_html(
        "site_index.html",
        links=[home] if home else [],
        title="Leaderboards",
        summary=f"{', '.join(sizes)}; the last run finished on {last}. Written by bench site from published pages, with "
        "the per-clip predictions that their figures come from.",
        best=_best_rows(pages, plugins),
        datasets=_datasets(pages),
        plugins=_plugins(plugins),
        hits=list(_hits(pages, plugins)),
    )
    return f"{SITE_NOTICE}\n{page}"


def _best_rows(pages: Iterable[PublishedLeaderboard], plugins: Iterable[UsedPlugin]) -> DataTable:
    addresses = {(plugin.kind, plugin.name): plugin.address for plugin in plugins}
    rows: list[list[str | Cell]] = []
    for each in (each for page in pages for each in page.rows() if each.row is each.protocol.rows[0]):
        protocol, model, feature, *figures = index_cells(each.protocol, each.row)
        rows.append(
            [
                Cell(each.dataset, link=_page_address(each.page)),
                Cell(protocol, link=_page_address(each.page, f"protocol-{each.number}")),
                Cell(model, link=addresses["model", model]),
                Cell(feature, link=addresses["feature", feature]),
                *figures,
            ]
        )
    return data_table(INDEX_COLUMNS, rows, left=4)


def _datasets(pages: Iterable[PublishedLeaderboard]) -> DataTable:
    rows: list[list[str | Cell]] = []
    for page in pages:
        board = page.leaderboard
        newest = board.protocols[0]
        rows.append(
            [
                Cell(board.dataset, link=_page_address(page.name)),
                ", ".join(newest.labels),
                count(len(newest.labels)),
                count(sum(sum(supports) for supports in newest.supports.values())),
                f"{newest.seconds:g} s",
                count(len(board.protocols)),
                count(sum(len(protocol.studies) for protocol in board.protocols)),
                count(len(board.rows())),
                board.updated[:10],
            ]
        )
    columns = ("Data set", "Class names", "Classes", "Clips", "Clip length", "Protocols", "Studies", "Rows", "Last run")
    return data_table(columns, rows, left=2)


def _plugins(plugins: Iterable[UsedPlugin]) -> DataTable:
    rows = [
        [
            Cell(plugin.name, link=plugin.address),
            plugin.kind,
            ", ".join(plugin.datasets()),
            count(len(plugin.rows)),
            count(sum(each.row is each.protocol.rows[0] for each in plugin.rows)),
        ]
        for plugin in plugins
    ]
    return data_table(("Plugin", "Kind", "Data sets", "Rows", "First rows"), rows, left=3)


def _hits(pages: Iterable[PublishedLeaderboard], plugins: Iterable[UsedPlugin]) -> Iterator[Hit]:
    """Everything that the search knows: pages, plugins, protocols and rows, the wider first."""
    for page in pages:
        labels = dict.fromkeys(label for protocol in page.leaderboard.protocols for label in protocol.labels)
        yield Hit(Link(page.leaderboard.dataset, _page_address(page.name)), f"data set: {', '.join(labels)}")
    for plugin in plugins:
        yield Hit(Link(plugin.name, plugin.address), f"{plugin.kind}: {', '.join(plugin.datasets())}")
    for page in pages:
        board = page.leaderboard
        for number, protocol in enumerate(board.protocols, start=1):
            link = Link(f"{board.dataset}: {protocol_title(protocol)}", _page_address(page.name, f"protocol-{number}"))
            studies = ", ".join(study.name for study in protocol.studies)
            yield Hit(
                link,
                f"protocol: revision {protocol.revision}, by {metric_title(protocol.objective)}; studies: {studies}",
            )
        for each in page.rows():
            what = f"{', '.join(_names('model', each))} on {', '.join(_names('feature', each))}, row {each.row.id}"
            score = f"test {metric_title(each.row.metric)} {spread(each.row.test[each.row.metric])}"
            words = f"{each.dataset}, {protocol_title(each.protocol)}, rank {each.row.rank}, {score}"
            yield Hit(Link(what, _row_address(each)), words)


def _plugin_page(plugin: UsedPlugin, plugins: Iterable[UsedPlugin]) -> str:
    other: UsedKind = "feature" if plugin.kind == "model" else "model"
    addresses = {one.name: one.address for one in plugins if one.kind == other}
    sets = plural(len(plugin.datasets()), "data set")
    page = render_html(
        "site_plugin.html",
        links=_up(),
        title=plugin.name,
        summary=f"A {plugin.kind}: {plural(len(plugin.rows), 'row')} on {sets}, {', '.join(plugin.datasets())}.",
        rows=_rows_of_plugin(plugin, other, addresses.__getitem__),
        options=_options_of_plugin(plugin),
    )
    return f"{SITE_NOTICE}\n{page}"


def _rows_of_plugin(plugin: UsedPlugin, other: UsedKind, address: Callable[[str], str]) -> DataTable:
    rows: list[list[str | Cell]] = []
    for each in plugin.rows:
        row, names = each.row, _names(other, each)
        protocol = f"{protocol_title(each.protocol)}, by {metric_title(row.metric)}"
        rows.append(
            [
                Cell(each.dataset, link=f"../{_page_address(each.page)}"),
                Cell(protocol, link=f"../{_page_address(each.page, f'protocol-{each.number}')}"),
                Cell(", ".join(names), link=f"../{address(names[0])}" if len(names) == 1 else ""),
                Cell(row.id, code=True, link=f"../{_row_address(each)}"),
                Cell(rank_text(row.rank, row.ties), float(row.rank)),
                count(row.parameters),
                score_text(row.validation[row.metric].mean),
                spread(row.test[row.metric]),
                interval_text(row.test_interval),
            ]
        )
    columns = ("Data set", "Protocol", other.capitalize(), "Row", "Rank", "Parameters", "Validation", "Test")
    return data_table((*columns, "95 % interval"), rows, left=4)


def _options_of_plugin(plugin: UsedPlugin) -> DataTable:
    """Every option that any row has a value of, by row."""
    options = list(dict.fromkeys(option for each in plugin.rows for option in plugin.settings(each).options))
    rows: list[list[str | Cell]] = [
        [
            Cell(each.row.id, code=True, link=f"../{_row_address(each)}"),
            each.dataset,
            *(_value(plugin.settings(each).options.get(option, ABSENT)) for option in options),
        ]
        for each in plugin.rows
    ]
    return data_table(("Row", "Data set", *options), rows, left=2)


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
