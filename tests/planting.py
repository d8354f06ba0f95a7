"""Puts a fault into the real code: a module is imported from its text with some words changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

Edits = Sequence[tuple[str, str]]
"""What stands in the text, once, and what instead."""


def plant(module: str, edits: Edits) -> None:
    """From now on this process imports the module so; it must not have been imported yet."""
    assert module not in sys.modules, f"{module} has been imported already"
    sys.meta_path.insert(0, _Finder(module, edits))


class _Changing(SourceFileLoader):
    """Loads a module from its text with the fault. No bytecode is used or left behind."""

    def __init__(self, module: str, edits: Edits, path: str) -> None:
        super().__init__(module, path)
        self._edits = edits

    def get_data(self, path: str) -> bytes:
        text = super().get_data(path).decode()
        for old, new in self._edits:
            if text.count(old) != 1:
                raise ImportError(f"not once in the text of {self.name}: {old}")
            text = text.replace(old, new)
        return text.encode()

    def path_stats(self, path: str) -> dict[str, float]:
        raise OSError

    def _cache_bytecode(self, *place_and_data: object) -> None:
        return None


class _Finder(MetaPathFinder):
    def __init__(self, module: str, edits: Edits) -> None:
        self._module, self._edits = module, edits

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._module:
            return None
        spec = PathFinder.find_spec(fullname, path)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Changing(self._module, self._edits, spec.origin)
        return spec
