from __future__ import annotations

pytest_plugins = ["iexec_lab.sandbox.pytest_plugin"]
