"""The one loader of declared values: walk a package, take one constant of a fixed name and type from each module.

No list to edit, no decorator, no inheritance: a file that declares the constant is a plugin. See docs/reference/extending.md.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import Protocol, TypeVar

from muster.errors import PluginError


class Named(Protocol):
    """What every declared value has: a name equal to its module's."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def load_plugins(package: ModuleType, constant: str, kind: type[T]) -> dict[str, T]:
    """Every value named `constant` in the modules of `package`, by name, in the order of names.

    A module whose name starts with an underscore is not a plugin. Raises PluginError where a module lacks the
    constant, declares another type, or names it otherwise than itself.
    """
    found: dict[str, T] = {}
    for module_name in _module_names(package):
        module = importlib.import_module(f"{package.__name__}.{module_name}")
        value = getattr(module, constant, None)
        if not isinstance(value, kind):
            raise PluginError(f"{module.__name__} must declare {constant}: {kind.__name__}, found {type(value).__name__}")
        if value.name != module_name:
            raise PluginError(f"{module.__name__}: {constant}.name is {value.name!r}; it must be {module_name!r}, the module's name")
        found[value.name] = value
    return found


def _module_names(package: ModuleType) -> list[str]:
    """Not pkgutil.iter_modules: it loads inspect, which costs the resident agent a megabyte."""
    files = {name for folder in package.__path__ for name in os.listdir(folder)}
    return sorted(name.removesuffix(".py") for name in files if name.endswith(".py") and not name.startswith("_"))
