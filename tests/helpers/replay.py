"""Calls of the official SDK, recorded as vectors, compared with ours against a server that records."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from helpers.faulty_server import FaultyServer, Reply, json_reply
from helpers.places import VECTORS

from iexec_lab.protocol import NULL_ADDRESS
from iexec_lab.wallet.gate import Gate, Place
from iexec_lab.wallet.signer import LocalSigner

CHALLENGE = {
    "types": {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint256"},
        ],
        "Challenge": [{"name": "challenge", "type": "string"}],
    },
    "domain": {"name": "iExec Gateway", "version": "1", "chainId": 134},
    "primaryType": "Challenge",
    "message": {"challenge": "abc"},
}


def gate_of(key=None, chain_id=134):
    """The gate of a wallet, on a network with this chain id."""
    signer = LocalSigner.generate() if key is None else LocalSigner(key)
    return Gate(signer, Place("test", chain_id, NULL_ADDRESS))


def vectors(group):
    """Parameters for a test: the vectors of a group, of all SDK versions."""
    found = json.loads((VECTORS / f"{group}.json").read_text())["vectors"]
    return [pytest.param(vector, id=vector["id"].rpartition("/")[2]) for vector in found]


def recorder(answer):
    """A server whose ``answer`` gets a request and returns a Reply, JSON or a status."""

    def reply(request):
        value = answer(request)
        if isinstance(value, int):
            return Reply(value, b"", ())
        return value if isinstance(value, Reply) else json_reply(value)

    return FaultyServer(answer=reply)


def assert_same_calls(requests, expected):
    """Method, path, query, the headers that the SDK sets, and the body, in this order."""
    seen = [(request.method, request.path, request.body.decode()) for request in requests]
    wanted = []
    for call in expected:
        parts = urlsplit(call["url"])
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        wanted.append((call["method"], path, call.get("body", "")))
    assert seen == wanted
    for request, call in zip(requests, expected, strict=True):
        sent = {name.lower(): value for name, value in request.headers.items()}
        for name in ("accept", "content-type", "authorization"):
            given = {key.lower(): value for key, value in call["headers"].items()}
            assert sent.get(name) == given.get(name), name
