"""Libraries that a plain install does not bring: what is missing, and what is there but broken.

A hint names the library itself, as pip calls it, and no extra of ours.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from iexec_lab.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SANDBOX = {"aiohttp": "aiohttp", "socketio": "python-socketio", "jwt": "PyJWT", "graphql": "graphql-core"}
"""What only the sandbox needs: modules, and what pip calls them."""


@contextmanager
def needing(what: str, module: str, package: str | None = None) -> Iterator[None]:
    """Around the import of ``module`` and of nothing else; ``what`` begins the sentence of an error.

    Raises:
        LibraryError: it is not installed, or it is and cannot be imported.
    """
    name = package or module
    try:
        yield
    except Exception as error:  # one that was built for another numpy raises ValueError, and so on
        if not is_missing(module, error):
            raise _broken(what, name, error) from error
        raise LibraryError(
            f"{what} needs {name}", details={"python": sys.executable}, hint=install(name)
        ) from None


def missing(libraries: Mapping[str, str]) -> list[str]:
    """Those that are not installed, as pip calls them; nothing is imported."""
    return [package for module, package in libraries.items() if find_spec(module) is None]


def install(*packages: str) -> str:
    """The hint about what is missing."""
    return f"Run: pip install {' '.join(packages)}"


def is_missing(module: str, error: Exception) -> bool:
    """Whether an import failed because the module is not there, and not because of something in it."""
    return isinstance(error, ModuleNotFoundError) and error.name == module


def _broken(what: str, package: str, error: Exception) -> LibraryError:
    return LibraryError(
        f"{what} needs {package}, which is installed and cannot be imported",
        details={"error": f"{type(error).__name__}: {error}", "python": sys.executable},
        hint=f"Start Python anew if it is older than the library, or run: pip install --upgrade {package}",
    )
