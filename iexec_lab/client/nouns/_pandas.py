"""``pd`` for the hints of verbs."""

from iexec_lab.client.hints import pd

__all__ = ["pd"]
