"""URLs of nodes and services: is it on this machine, and which part of it may be shown."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_READ_ALIKE: Final = re.compile(r"[!-\[\]-~]*")  # printable ASCII but the backslash
_KEY_LIKE: Final = re.compile(r"[0-9A-Za-z_-]{20,}")

HINT_SANDBOX: Final = "Nothing listens there. Start the sandbox: iexec-lab sandbox start"


def is_loopback(url: str) -> bool:
    r"""Is it on this machine, which no proxy can reach?

    Libraries disagree on the host of ``http://far.example\@localhost``: such a URL counts as remote.
    """
    if not _READ_ALIKE.fullmatch(url):
        return False
    try:
        return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}
    except ValueError:
        return False


def shown_url(url: str) -> str:
    """The address without what may be a secret: user, query, and path segments that look like a key.

    Text that is not an http(s) URL, such as the name of a set of nodes, is shown unless it may hold a secret.
    """
    if not url.lower().startswith("http"):
        return _KEY_LIKE.sub("…", url) if "@" not in url else "…"
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return f"{url.partition(':')[0]}://…"
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{port}{_KEY_LIKE.sub('…', parts.path.rstrip('/'))}"
