"""A service that says whatever a test wants, and real answers to begin with.

``tests/answers/services.json`` was recorded from a sandbox: lists, single orders, deals, what a
workerpool tells of a task, its logs, and Compass.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from helpers.faulty_server import FaultyServer, Reply

from iexec_lab.protocol.typed_data import Domain

ANSWERS = json.loads((Path(__file__).with_name("services.json")).read_text())
CHAIN_ID = ANSWERS["chain_id"]
DOMAIN = Domain(CHAIN_ID, ANSWERS["hub"])
KINDS = ("apporder", "datasetorder", "workerpoolorder", "requestorder")


@dataclass
class Stranger:
    """In a ``with`` block: answers every request with ``said``, or with that of the longest path it knows."""

    said: Any = None
    paths: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __enter__(self):
        self.server = FaultyServer(answer=self._answer).__enter__()
        self.url = self.server.url
        return self

    def __exit__(self, *exc):
        self.server.__exit__(*exc)

    def _answer(self, request):
        self.asked.append(request.path)
        self.server.requests.clear()  # ten thousand of them are not worth keeping
        known = [path for path in self.paths if path in request.path]
        said = self.paths[max(known, key=len)] if known else self.said
        if callable(said):
            said = said(parse_qs(urlsplit(request.path).query))
        return Reply(200, json.dumps(said).encode())
