"""Mistakes of names and options."""

from __future__ import annotations

from plugin_mistakes.sources import HIDDEN, LINEAR, Mistake, model

DECLARATIONS = (
    Mistake("a-space", "The name has a space", "model 'My net': a name is of letters, digits", model("My net")),
    Mistake("CapitalNet", "The name has capitals", "name 'CapitalNet' is not lower-case words", model("CapitalNet")),
    Mistake("taken-name", "Another plugin has the name", "model 'cnn' is already brought by bench-audio", model("cnn")),
    Mistake(
        "name-as-field",
        "The name is no ClassVar",
        'Tiny has no name: give the class one, `name: ClassVar[str] = "my-model"`',
        model("", title="name: str = 'name-as-field'"),
    ),
    Mistake("no-docstring", "The class has no docstring", "Tiny has no docstring", model("no-docstring", doc="")),
    Mistake(
        "no-option-text",
        "An option has no docstring",
        "option 'hidden' has no docstring under it",
        model("no-option-text", fields="hidden: int = 32\n"),
    ),
    Mistake(
        "default-outside",
        "The default lies outside the range",
        "option 'hidden': the default 128 is outside the range 8 to 64",
        model("default-outside", fields=HIDDEN.format("Annotated[int, Int(8, 64)] = 128")),
    ),
    Mistake(
        "no-range",
        "The annotation is no range",
        "option 'hidden': its annotation (8, 64) is no search range: write Choice",
        model("no-range", fields=HIDDEN.format("Annotated[int, (8, 64)] = 32")),
    ),
    Mistake(
        "range-as-default",
        "The range stands in the place of the default",
        "option 'hidden': a range stands in the place of the default",
        model("range-as-default", fields=HIDDEN.format("int = Int(8, 64)")),
    ),
    Mistake(
        "list-in-choice",
        "Choice is given a list",
        "ValueError: Choice([8, 16]): give its values one by one",
        model("list-in-choice", fields=HIDDEN.format("Annotated[int, Choice([8, 16])] = 8")),
    ),
    Mistake(
        "mutable-default",
        "The default is a list",
        "option 'hidden': the default is a list, which can be changed: use a tuple",
        model("mutable-default", fields=HIDDEN.format("list[int] = [8, 16]")),
    ),
    Mistake(
        "wrong-type",
        "The default is of another type",
        "option 'hidden': its own default 'many' is refused",
        model("wrong-type", fields=HIDDEN.format("int = 'many'")),
    ),
    Mistake(
        "not-frozen",
        "Options can be changed",
        "option 'hidden' can be changed after building: keep model_config frozen",
        model("not-frozen", fields="model_config = {'frozen': False}\n" + HIDDEN.format("int = 32")),
    ),
    Mistake(
        "changed-by-build",
        "build() changes an option",
        "build() changes option 'hidden' from 32 to 64",
        model(
            "changed-by-build",
            fields=HIDDEN.format("int = 32"),
            network="object.__setattr__(self, 'hidden', 64)\n" + LINEAR,
        ),
    ),
    Mistake(
        "clamped",
        "A value of the range becomes another",
        "option 'hidden': 64 becomes 48 when it is built",
        model(
            "clamped",
            fields=HIDDEN.format("Annotated[int, Int(8, 64)] = 32")
            + "def model_post_init(self, context):\n    self.__dict__['hidden'] = min(self.hidden, 48)\n",
        ),
    ),
    Mistake(
        "no-default",
        "An option has no default",
        "cannot be made from its defaults: option 'hidden': Field required",
        model("no-default", fields=HIDDEN.format("int")),
    ),
    Mistake(
        "no-json",
        "An option is no plain value",
        "the configuration does not survive JSON",
        model("no-json", fields="kind: type = nn.ReLU\n'''Activation.'''\n"),
    ),
    Mistake(
        "no-build",
        "A method is misspelt",
        "cannot be made from its defaults: TypeError: Can't instantiate abstract class Tiny",
        model("no-build").replace("def build(", "def make("),
    ),
    Mistake(
        "not-picklable",
        "The class, made by a function, holds a lock",
        "cannot be sent to worker processes",
        model("not-picklable", brings="[made()]")
        + "\nimport threading\ndef made():\n    lock = threading.Lock()\n    class Locked(Tiny):\n"
        + "        '''Waits.'''\n        def build(self, shape, classes):\n            with lock:\n"
        + "                return super().build(shape, classes)\n    return Locked\n",
    ),
)
