"""What the processes of a sandbox inherit of the environment: what they need, and never a secret.

Everything is named that may pass. A shell holds wallets' keys (``IEXEC_PRIVATE_KEY``) and tokens of other
programs, and what a process has in its environment is seen by all it starts.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_USER = ("HOME", "USER", "LOGNAME", "SHELL", "TZ", "LANG", "LANGUAGE", "LC_*", "TMPDIR", "TEMP", "TMP")
_LIBRARIES = (
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "NIX_LD",
    "NIX_LD_LIBRARY_PATH",
)
_CERTIFICATES = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
_PROXIES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
)
_DOCKER = (
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "DOCKER_API_VERSION",
    "DOCKER_DEFAULT_PLATFORM",
    "XDG_RUNTIME_DIR",
)

PROGRAM = ("PATH", *_USER, *_LIBRARIES)
"""Any program, and all that the Ethereum node and its watchdog get."""
SUPERVISOR = (*PROGRAM, *_DOCKER)
"""The parent of apps, which asks Docker to kill a container; what an app itself gets, runtime.py says."""
DOCKER = (*SUPERVISOR, *_CERTIFICATES, *_PROXIES)
NPM = (*PROGRAM, *_CERTIFICATES, *_PROXIES, "npm_config_*", "NPM_CONFIG_*", "NODE_OPTIONS", "XDG_*")
PIP = (*PROGRAM, *_CERTIFICATES, *_PROXIES, "PIP_*", "XDG_*", "CC", "CXX", "CFLAGS", "LDFLAGS")
"""It builds packages, whose authors' programs run meanwhile."""
DAEMON = (*DOCKER, *NPM, "PYTHON*", "VIRTUAL_ENV", "CONDA_PREFIX", "IEXEC_LAB_*")
"""It starts all others."""

_SECRET = re.compile(r"key|secret|token|pass|credential|mnemonic|auth", re.IGNORECASE)


def inherited(names: tuple[str, ...], source: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of ``names`` that are set here (or in ``source``).

    ``LC_*`` stands for all that begin so, but for those that are called like a secret.
    """
    found = os.environ if source is None else source
    beginnings = tuple(name[:-1] for name in names if name.endswith("*"))
    return {
        name: value
        for name, value in found.items()
        if name in names or (name.startswith(beginnings) and not _SECRET.search(name))
    }
