"""Another recipe on its way into a running station: read, proved with its bundle, judged by its known frames."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

from edge.contract.bundle import Bundle
from edge.contract.events import InterlockEvent
from edge.contract.recipe import Recipe
from edge.inspector import Inspector
from edge.interlock import Interlock
from edge.loader import Loader
from edge.pipeline import PartJudge
from edge.recipes import read_recipe, recipe_file


class Changeover:
    """One at a time, and none while a bundle is loaded. Belongs to the command thread."""

    def __init__(self, loader: Loader, inspector: Inspector, recipes: Path, configured: str, own_bundle: Path) -> None:
        """`recipes` is the station's folder of recipes; `configured` the one that the station file names, if any."""
        self.own_bundle = own_bundle
        """Of the station: it judges by recipes that name none."""
        self._loader, self._inspector = loader, inspector
        self._folder, self._configured = recipes, configured
        self._recipe: Recipe | None = None
        self._bundle: Bundle | None = None
        self._future: Future[InterlockEvent] | None = None

    def begin(self, name: str) -> None:
        """Reads the recipe and starts to prove its bundle. Raises ConfigError."""
        self._recipe = read_recipe(recipe_file(self._folder, name))
        self._future = None
        self._loader.begin(Path(self._recipe.settings.bundle or self.own_bundle))

    def outcome(self) -> tuple[Bundle, InterlockEvent] | None:
        """What the known frames said, and the bundle that judges now where they passed; None while it is under way.

        Raises BundleError, ConfigError when the recipe does not fit the bundle, InFlightError.
        """
        if self._future is None:
            if (judge := self._loader.outcome()) is None:
                return None
            part_judge, interlock = PartJudge(judge, self._recipe), Interlock(judge.bundle, self._recipe)
            self._bundle, inspector = judge.bundle, self._inspector
            self._future = inspector.order(lambda: inspector.change_over(part_judge, interlock, self._configured))
        if not self._future.done():
            return None
        assert self._bundle is not None
        return self._bundle, self._future.result()
