"""Mistakes of packages and their hooks."""

from __future__ import annotations

from plugin_mistakes.sources import HEAD, Mistake, model

PACKAGES = (
    Mistake(
        "no-hookimpl",
        "The hook lacks @hookimpl",
        "is not marked: write @hookimpl above it",
        model("no-hookimpl", mark=""),
    ),
    Mistake(
        "misspelt-hook",
        "The hook is called bench_model",
        "bench_model is no hook: did you mean bench_models",
        model("misspelt-hook").replace("def bench_models", "def bench_model"),
    ),
    Mistake("no-hooks", "The module has no hook", "brings nothing: its module has none of the functions", HEAD),
    Mistake(
        "no-list",
        "The hook returns a class",
        "returns Tiny, not a list: return [Tiny]",
        model("no-list", brings="Tiny"),
    ),
    Mistake("no-return", "The hook forgets its return", "returns None, not a list", model("no-return", brings="None")),
    Mistake(
        "an-instance",
        "The hook returns an instance",
        "is no class, but an instance of Tiny: return the class itself",
        model("an-instance", brings="[Tiny()]"),
    ),
    Mistake(
        "wrong-base",
        "The class derives from nn.Module",
        "Tiny is no Model: derive it from bench.plugins.Model",
        model("wrong-base", base="nn.Module"),
    ),
    Mistake(
        "wrong-entry-point",
        "The entry point names another module",
        "its entry point is 'wrong_entry_pont': name the module with the hooks",
        HEAD,
        module="wrong_entry_pont",
    ),
    Mistake(
        "no-library",
        "A library is not installed",
        "no_library.py:1: ModuleNotFoundError: No module named 'a_library'",
        "import a_library\n",
    ),
    Mistake(
        "no-syntax", "A line is no Python", "no_syntax.py:2: SyntaxError: expected ':'", "x = 1\ndef bench_models()\n"
    ),
    Mistake(
        "says-hello",
        "The import prints",
        "prints 'hello from the plugin' when it is imported",
        "print('hello from the plugin')\n" + model("says-hello"),
    ),
    Mistake(
        "slow-import",
        "The import takes more than a second",
        "s to import, for which every command waits",
        "import time\ntime.sleep(1.01)\n" + model("slow-import"),
    ),
)
