"""Nothing that a label, a name or an error message holds becomes markup."""

from __future__ import annotations

import pytest

from bench.markdown import Markup, bullets, code, code_block, details, escape, table
from bench.reporting.numbers import Spread, duration, spread, value_range

NASTY = "a|b <script>alert(1)</script> `c` [d](https://e.org) *f* & \n# g"


def test_nothing_special_is_left_unescaped() -> None:
    escaped = escape(NASTY)
    assert "<" not in escaped.replace("&lt;", "")
    assert "\n" not in escaped
    assert "://" not in escaped
    assert escaped.endswith(r"\# g")
    for character in "|`[]*":
        assert escaped.count(character) == escaped.count(f"\\{character}") > 0


@pytest.mark.parametrize("plain", ["zero", "0.9712", "tc-resnet", "12,345", "-3.5", "final-1-seed-0", "1 min 23 s"])
def test_plain_words_and_figures_stay_as_they_are(plain: str) -> None:
    assert escape(plain) == plain


@pytest.mark.parametrize(
    ("text", "escaped"), [("1. one", r"1\. one"), ("- x", r"\- x"), ("---", r"\---"), ("_silence_", r"\_silence\_")]
)
def test_what_would_start_a_list_or_a_rule_is_escaped(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_control_and_direction_characters_are_dropped() -> None:
    assert escape("a\x1b[31mb\u202ec\r\nd") == r"a \[31mb c d"


def test_a_table_has_as_many_cells_in_every_line_whatever_they_hold() -> None:
    lines = table(("A", NASTY), [(NASTY, "1"), ("x\ny", "|")]).splitlines()
    assert len(lines) == 4
    assert {line.replace("\\|", "").count("|") for line in lines} == {3}


def test_escaping_happens_once() -> None:
    assert escape(escape("a_b")) == r"a\_b"
    assert table((Markup("**a**"),), []).startswith("| **a** |")


def test_code_holds_backticks_and_pipes() -> None:
    assert code("a`b") == "``a`b``"
    assert code("`") == "`` ` ``"
    assert code("a|<b>") == r"<code>a\|&lt;b&gt;</code>"
    assert code_block('{"a": "```"}', "json").splitlines() == ["````json", '{"a": "```"}', "````"]


def test_details_and_bullets_escape_their_text() -> None:
    assert "<b>" not in details("<b>", Markup("x"))
    assert bullets(["<b>\n- c"]) == "- &lt;b&gt; - c"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.97, "1 min 00 s"), (83, "1 min 23 s"), (7500, "2 h 05 min"), (None, "–")],  # noqa: RUF001
)
def test_durations(seconds: float | None, written: str) -> None:
    assert duration(seconds) == written


def test_spread_is_the_sample_deviation_and_absent_for_one_seed() -> None:
    assert spread(Spread.of([0.9, 0.92, 0.94])) == "0.9200 ± 0.0200 (n=3)"
    assert spread(Spread.of([0.9])) == "0.9000 (n=1)"


def test_span() -> None:
    assert (value_range([5, 5]), value_range([1200, 3]), value_range([])) == ("5", "3 to 1,200", "–")  # noqa: RUF001
