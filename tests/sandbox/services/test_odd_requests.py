"""Requests that no client would send: every service has an answer of its own, none fails over them."""

from __future__ import annotations

import http.client
import json
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from helpers.sandbox.serving import ChainDouble, make_context, serving
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from iexec_lab.sandbox.services import compass, ipfs_gateway, ipfs_node, market, result_proxy, sms

SERVICES = {
    "market": market.create,
    "sms": sms.create,
    "result_proxy": result_proxy.create,
    "compass": compass.create,
    "ipfs_node": ipfs_node.create,
    "ipfs_gateway": ipfs_gateway.create,
}
ADDRESS, WORD = "0x" + "11" * 20, "0x" + "ab" * 32
CID = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
WORDS = [
    *("apporders", "requestorders", "deals", "categories", "challenge", "ohlc", "metrics", "version", "docs"),
    *("secrets", "web2", "web3", "apps", "requesters", "tee", "challenges", "sessions", "properties", "TDX"),
    *("v1", "results", "token", "login", "ipfshash", "65535", "workerpools", "ws"),
    *("api", "v0", "add", "cat", "ls", "get", "pin", "dag", "files", "stat", "block", "id", "ipfs"),
    *(
        ADDRESS,
        WORD,
        CID,
        "",
        ".",
        "..",
        "%",
        "%zz",
        "%ff",
        "%00",
        "%2f",
        "a b",
        "é",
        "x" * 300,
        "/",
        "?",
        "*",
    ),
]
PATHS = {
    "market": ["/apporders?chainId=65535", "/challenge?chainId=65535", "/ws/?EIO=4&transport=polling"],
    "sms": [
        f"/secrets/web3?secretAddress={ADDRESS}",
        f"/requesters/{ADDRESS}/secrets/x",
        f"/tee/challenges/{WORD}",
        "/tee/sessions",
    ],
    "result_proxy": ["/v1/results", "/v1/results/token", f"/v1/results/{WORD}", "/results/login?chainId=1"],
    "compass": [f"/65535/workerpools/{ADDRESS}"],
    "ipfs_node": [
        f"/api/v0/{name}?arg={CID}" for name in ("add", "ls", "get", "dag/get", "files/stat", "pin/ls")
    ],
    "ipfs_gateway": [f"/ipfs/{CID}?format=car", f"/ipfs/{CID}/x"],
}
KUBO_SAYS_500 = {"ipfs_node"}
"""What a command of kubo runs into is a 500 there too, as JSON."""

texts = st.sampled_from([*WORDS, "1", "-1", "1e99", "true", "null", "any", "0x", "\x7f", "[]", "{}"])
targets = st.builds(
    lambda parts, query: "/" + "/".join(parts) + (f"?{query}" if query is not None else ""),
    st.lists(texts, max_size=5),
    st.none()
    | st.lists(
        st.builds(
            "{}={}".format,
            st.sampled_from(
                ["chainId", "arg", "address", "app", "format", "pageSize", "secretName", "x", ""]
            ),
            texts,
        ),
        max_size=4,
    ).map("&".join),
)
bodies = st.sampled_from(
    [b"", b"{", b"{}", b"[]", b"null", b'{"order":{}}', b'"\xff"', b"\xff\xfe", b"x" * 5000]
) | (st.binary(max_size=40))
headers = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(
            [
                "application/json",
                "text/plain; charset=klingon",
                "multipart/form-data",
                "json",
                "",
                "a/b;;",
                "é",
            ]
        ),
        "Authorization": st.sampled_from(
            ["", "0x12", f"{WORD}_{WORD}_{ADDRESS}", "a.b.c", "é" * 9, "_" * 99]
        ),
        "Content-Encoding": st.sampled_from(["identity", "klingon", "gzip"]),
        "Accept": st.sampled_from(["application/vnd.ipld.car", "text/html", "é"]),
        "Range": st.sampled_from(["bytes=5-", "bytes=-0", "x"]),
    },
)
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    registries = dict.fromkeys(("app", "dataset", "workerpool"), ADDRESS)
    with ExitStack() as stack:
        found = {}
        for name, create in SERVICES.items():
            context = make_context(tmp_path_factory.mktemp(name), ChainDouble(), registries=registries)
            found[name] = stack.enter_context(serving(create, context))
        yield found


def ask(address, method, target, given, body):
    line = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    # Not as a client would encode it: the bytes of the target are as they were made.
    line._encode_request = lambda request: request.encode("utf-8")
    line._validate_path = lambda _: None
    try:
        line.putrequest(method, target.replace(" ", "%20"), skip_accept_encoding=True)
        for name, value in given.items():
            line.putheader(name, value.encode())
        line.putheader("Content-Length", str(len(body)))
        line.endheaders(body)
        answer = line.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    finally:
        line.close()


@pytest.mark.parametrize("name", SERVICES)
def test_no_request_makes_a_service_fail(addresses, name):
    tries = min(60, settings().max_examples)

    @settings(max_examples=tries, deadline=None, suppress_health_check=list(HealthCheck))
    @given(methods, st.sampled_from(PATHS[name]) | targets, headers, bodies)
    @example("POST", PATHS[name][0], {"Content-Type": "application/json"}, b'"\xff"')
    @example("PUT", PATHS[name][0], {}, b"\xff")
    def check(method, target, given_headers, body):
        status, kind, said = ask(addresses[name], method, target, given_headers, body)
        lines = said.splitlines() if kind.startswith("application/json") else []
        told = [json.loads(line) for line in lines]
        if status == 500 and name == "market" and kind.startswith("application/json"):
            # A malformed body, as there.
            assert told == [{"ok": False, "error": "Internal error"}] or method == "HEAD"
            assert body
        elif status == 500 and name in KUBO_SAYS_500:
            assert [set(each) for each in told] == [{"Message", "Code", "Type"}]
        else:
            assert status < 500 or (status == 501 and name == "market")

    check()
