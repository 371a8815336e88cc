"""Complete, named configurations."""

from bench_plugins.recipes.cats_dogs import CATS_DOGS_RECIPES
from bench_plugins.recipes.digits import DIGIT_RECIPES
from bench_plugins.recipes.emotion import EMOTION_RECIPES
from bench_plugins.recipes.instruments import INSTRUMENT_RECIPES
from bench_plugins.recipes.words import WORD_RECIPES

RECIPES = (*DIGIT_RECIPES, *INSTRUMENT_RECIPES, *CATS_DOGS_RECIPES, *EMOTION_RECIPES, *WORD_RECIPES)
