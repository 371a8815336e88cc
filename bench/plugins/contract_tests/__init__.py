"""Contract tests for plugin authors: does a plugin keep what `bench.plugins.contracts` promises to everybody else?

Call them from pytest, or all at once by `bench check`:

    from bench.plugins.contract_tests import check_feature
    def test_my_feature() -> None:
        check_feature(MyFeature)

Each raises AssertionError with one line that says what is broken and, where the plugin raised something itself, its file and
line.
"""

from bench.plugins.contract_tests.augmentation_contract import check_augmentation
from bench.plugins.contract_tests.dataset_contract import check_dataset
from bench.plugins.contract_tests.declaration import check_declaration, configurations
from bench.plugins.contract_tests.executor_import import check_executor
from bench.plugins.contract_tests.feature_contract import check_feature
from bench.plugins.contract_tests.model_contract import check_model
from bench.plugins.contract_tests.recipe_contract import check_recipe
from bench.plugins.contract_tests.reporting_contract import check_metric, check_section

__all__ = [
    "check_augmentation",
    "check_dataset",
    "check_declaration",
    "check_executor",
    "check_feature",
    "check_metric",
    "check_model",
    "check_recipe",
    "check_section",
    "configurations",
]
