"""A whole iExec marketplace on loopback: node, contracts, services, workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iexec_lab.sandbox.control import Handle, Sandbox

__all__ = ["Handle", "Sandbox"]


def __getattr__(name: str) -> object:
    """Import on first use: the services of a sandbox import this package too, and need none of this."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from iexec_lab.sandbox import control

    return getattr(control, name)
