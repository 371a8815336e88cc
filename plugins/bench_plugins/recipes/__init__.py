"""Complete, named configurations."""

from bench_plugins.recipes.digits import DIGIT_RECIPES
from bench_plugins.recipes.words import WORD_RECIPES

RECIPES = (*DIGIT_RECIPES, *WORD_RECIPES)
