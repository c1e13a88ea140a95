"""The files of a project: ``iexec.json``, ``chain.json``, ``deployed.json``, ``orders.json``, keys, datasets.

They are those of the official CLI, read and written the same way, so both tools can work in one folder.
"""

from __future__ import annotations

from iexec_lab.project.chains import ChainEntry
from iexec_lab.project.files import Project, write_secret

__all__ = ["ChainEntry", "Project", "write_secret"]
