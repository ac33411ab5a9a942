"""Seeded variations of a model input that leave its label true, and defects put into ok images, with their masks."""

from trainer.augment.recipes import GENTLE, NONE, RECIPES, STANDARD, STRONG, Recipe, read_recipe
from trainer.augment.vary import augment

__all__ = ["GENTLE", "NONE", "RECIPES", "STANDARD", "STRONG", "Recipe", "augment", "read_recipe"]
