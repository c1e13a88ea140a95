"""The page at /docs: the routes, for people.

The real service shows Swagger UI there, whose scripts come from a CDN; a sandbox works offline, so this is
one plain page.
"""

from __future__ import annotations

from functools import cache
from html import escape
from typing import Final

from iexec_lab.sandbox.services.market.routes import ROUTES, VERSION

_WORDS: Final = {
    "version": "version of the API",
    "docs": "this page",
    "challenge": "typed data to sign before publishing (address)",
    "categories": "categories, shortest first (minWorkClockTimeRef, maxWorkClockTimeRef)",
    "category": "one category",
    "deals": "deals, newest first (parties, owners, order hashes)",
    "deal": "one deal",
    "ohlc": "last prices in a category (category)",
    "metrics": "last block read and number of open orders",
    "orders": "open orders, best first",
    "publish": "publish an order (header authorization, body {order})",
    "unpublish": "unpublish orders (header authorization, body {target, orderHash or address})",
    "order": "one order in any status",
}
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>iExec market API</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }}
td {{ padding: .2rem .8rem .2rem 0; vertical-align: top; }}
</style>
</head>
<body>
<div id="swagger-ui">
<h1>iExec market API {version}</h1>
<p>Answered by an iexec-lab sandbox. Every route but <code>/version</code> and <code>/docs</code> needs
<code>?chainId=</code>. Lists take <code>pageIndex</code> and <code>pageSize</code> (10 to 1000).
Changes are told over socket.io at <code>/ws</code>.</p>
<table>
{rows}
</table>
</div>
</body>
</html>
"""


@cache
def docs_page() -> str:
    rows = [
        f"<tr><td>{verb}</td><td><code>{escape(path)}</code></td><td>{escape(_WORDS[name])}</td></tr>"
        for path, verbs in ROUTES.items()
        for verb, name in verbs.items()
    ]
    return _PAGE.format(version=VERSION, rows="\n".join(rows))
