"""The HTTP surface: routing, headers, statuses, logging in."""

from __future__ import annotations

import gzip
import re
import socket
from typing import TYPE_CHECKING, Any

import pytest

from iexec_lab.protocol import NULL_ADDRESS, hash_typed_data
from iexec_lab.sandbox.services.market.forms import read_form

if TYPE_CHECKING:
    from helpers.sandbox.market_world import World

BOOKS = ("/apporders", "/datasetorders", "/workerpoolorders", "/requestorders")
WORD = "0x" + "ab" * 32
FORBIDDEN = (403, {"ok": False, "error": "invalid authorization"})


def test_version(world: World) -> None:
    answer = world.request("GET", "/version")

    assert (answer.status_code, answer.text) == (200, '{"ok":true,"version":"7.1.2"}')
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Vary"] == "Origin"


def test_docs_are_a_page(world: World) -> None:
    answer = world.request("GET", "/docs")

    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "swagger-ui" in answer.text
    assert all(f"<code>{path}</code>" in answer.text for path in BOOKS)


@pytest.mark.parametrize(
    "path",
    [
        *("/", "//", "/orders", "/apporder", "/deals/x/y", "/version/1", "/version//", "/ws"),
        *("/apporders//", f"/apporders/{WORD}//", "/apporders%2f", "/apporders;x"),
    ],
)
def test_unknown_paths(world: World, path: str) -> None:
    answer = world.request("GET", path)

    assert (answer.status_code, answer.text) == (404, "Not Found")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", BOOKS)
def test_known_paths_with_other_verbs(world: World, path: str) -> None:
    answer = world.request("DELETE", path)
    one = world.request("PUT", f"{path}/{WORD}")
    assert world.request("POST", "/docs").headers["Allow"] == "HEAD, GET"

    assert (answer.status_code, answer.text) == (405, "Method Not Allowed")
    assert answer.headers["Allow"] == "HEAD, GET, POST, PUT"
    assert (one.status_code, one.headers["Allow"]) == (405, "HEAD, GET")


def test_verbs_nobody_has(world: World) -> None:
    answer = world.request("TRACE", "/version")
    assert (answer.status_code, answer.text) == (501, "Not Implemented")


def test_paths_ignore_case_and_a_last_slash(world: World) -> None:
    for path in ("/Version", "/version/", "/VERSION"):
        assert world.request("GET", path).status_code == 200
    assert world.get("/AppOrders/", app="any")[1]["orders"] == []


def test_head_has_no_body(world: World) -> None:
    answer = world.request("HEAD", "/version")
    assert (answer.status_code, answer.text, answer.headers["Content-Length"]) == (200, "", "29")


def test_browsers_may_read_answers(world: World) -> None:
    origin = {"Origin": "https://localhost:3000"}

    for path, status in (("/version", 200), ("/nowhere", 404), ("/metrics", 400)):
        answer = world.request("GET", path, headers=origin)
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == "https://localhost:3000"
        assert answer.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Origin" not in world.request("GET", "/version").headers


def test_browsers_may_ask_first(world: World) -> None:
    asked = {
        "Origin": "https://localhost:3000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = world.request("OPTIONS", "/apporders", headers=asked)

    assert (answer.status_code, answer.text) == (204, "")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://localhost:3000"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET,HEAD,PUT,POST,DELETE,PATCH"
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization,content-type"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"Origin": "http://localhost:3000"},
        {"Access-Control-Request-Method": "POST"},
        {"Origin": "http://localhost:3000", "Access-Control-Request-Headers": "x-a"},
    ],
)
def test_options_that_are_no_preflight_name_the_verbs(world: World, asked: dict[str, str]) -> None:
    answer = world.request("OPTIONS", "/requestorders", headers=asked)
    assert (answer.status_code, answer.text) == (200, "")
    assert answer.headers["Allow"] == "HEAD, GET, POST, PUT"
    assert not [name for name in answer.headers if name.startswith("Access-Control")]
    assert world.request("OPTIONS", "/nowhere", headers=asked).status_code == 404


@pytest.mark.parametrize(
    "path", ["/challenge", "/categories", "/categories/0", "/deals", f"/deals/{WORD}", "/ohlc", "/metrics"]
)
def test_every_route_wants_the_chain(world: World, path: str) -> None:
    query = {"address": NULL_ADDRESS, "category": 0}
    missing = world.request("GET", path, params=query)
    other = world.request("GET", path, params={**query, "chainId": 1})

    assert (missing.status_code, missing.json()["error"]) == (400, "chainId is a required field")
    assert (other.status_code, other.json()["error"]) == (400, "chainId 1 is not supported")


@pytest.mark.parametrize("path", BOOKS)
def test_order_routes_want_the_chain(world: World, path: str) -> None:
    for method, where in (("GET", path), ("GET", f"{path}/{WORD}"), ("POST", path), ("PUT", path)):
        query = {"app": "any", "dataset": "any"} if method == "GET" else {}
        missing = world.request(method, where, params=query)
        assert (missing.status_code, missing.json()["error"]) == (400, "chainId is a required field")


@pytest.mark.parametrize("path", BOOKS)
def test_one_order_is_found_by_its_hash(world: World, path: str) -> None:
    kind = path[1:-1]
    assert world.get(f"{path}/{WORD}") == (404, {"ok": False, "error": f"{kind} not found"})
    assert world.get(f"{path}/0x12") == (400, {"ok": False, "error": "orderHash must be a bytes32 hexstring"})


def test_bodies_are_json(world: World) -> None:
    """A malformed body is found before the missing chain and authorisation."""
    for body in ("{", "5", '"x"', "null", "{'a':1}"):
        answer = world.request("POST", "/apporders", data=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()) == (500, {"ok": False, "error": "Internal error"})


def read(world: World, body: str | bytes, content_type: str = "application/json", **headers: str) -> str:
    """How a body was read: by the message of the missing order, or of the failure."""
    headers |= {"Content-Type": content_type, "authorization": world.token(world.bob)}
    query = {"chainId": "65535"}
    answer = world.request("PUT", "/apporders", params=query, data=body, headers=headers)
    assert answer.status_code in {400, 403, 500}
    error: str = answer.json()["error"]
    return error


READ = f"apporder with orderHash {WORD} is not published"
NOTHING = "orderHash is a required field"
NAMED = f'{{"orderHash":"{WORD}"}}'


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", READ),
        ("Application/JSON; charset=utf-8", READ),
        ("application/json;", READ),
        ("application/json-patch+json", READ),
        ("application/vnd.api+json; ext=a", READ),
        ("application/csp-report", READ),
        ("application/scim+json", READ),
        ("application/json; charset=klingon", READ),
        ("application/json; charset=utf-16", READ),
        ("application/json;;", NOTHING),
        ("application/json; charset", NOTHING),
        ("application/json, text/plain", NOTHING),
        ("application/ld+json", NOTHING),
        ("text/plain", NOTHING),
        ("json", NOTHING),
    ],
)
def test_which_bodies_are_json(world: World, content_type: str, expected: str) -> None:
    assert read(world, NAMED, content_type) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", NOTHING),
        ("{}", NOTHING),
        (" " + NAMED, READ),
        ("\ufeff" + NAMED, READ),
        (f'{{"orderHash":"","orderHash":"{WORD}"}}', READ),
        (b'{"orderHash":"\xff"}', "orderHash must be a bytes32 hexstring"),
        (b'{"target":"\xff"}', "target must be one of the following values: "),
        ('{"orderHash":"\\ud800"}', "orderHash must be a bytes32 hexstring"),
        (f'{{"orderHash":"{WORD}","x":"' + "x" * 900_000 + '"}', READ),
        (f'{{"orderHash":"{WORD}","x":"' + "x" * 1_100_000 + '"}', "Internal error"),
        ("[]", "this must be a `object` type, but the final value was: `[]`."),
        (b"\xff\xfe{}", "Internal error"),
        (" ", "Internal error"),
        ('{"x":NaN}', "Internal error"),
        ('{"x":[{"__proto__":1}]}', "Internal error"),
        ('{"orderHash":[]}', "Internal error"),
        ('{"target":5,"orderHash":{}}', "Internal error"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_how_json_is_read(world: World, body: str | bytes, expected: str) -> None:
    assert read(world, body.encode() if isinstance(body, str) else body).startswith(expected)


def test_compressed_bodies(world: World) -> None:
    packed = gzip.compress(NAMED.encode())
    assert read(world, packed, **{"Content-Encoding": "gzip"}) == READ
    assert read(world, NAMED, **{"Content-Encoding": "identity"}) == READ
    for unknown in ("GZIP", "x-gzip", "klingon"):
        assert read(world, packed, **{"Content-Encoding": unknown}) == "Internal error"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"orderHash={WORD}", READ),
        (f"orderHash={WORD}&orderHash=x", "Internal error"),
        (f"orderHash[]={WORD}", "Internal error"),
        ("orderHash=%ff", "orderHash must be a bytes32 hexstring"),
        ("target=unpublish_last", "app is a required field"),
        ("target.x=1", "target must be a `string` type"),
        ("x=" + "y" * 57344, "Internal error"),
        ("", NOTHING),
    ],
    ids=lambda value: value[:20],
)
def test_forms_are_read_too(world: World, body: str, expected: str) -> None:
    assert read(world, body, "application/x-www-form-urlencoded").startswith(expected)


def test_names_in_a_form() -> None:
    """What qs 6 makes of them, with dots allowed."""
    assert read_form("order[app]=x&order[tag]=y") == {"order": {"app": "x", "tag": "y"}}
    assert read_form("a.b.c=1&a[b].d=2") == {"a": {"b": {"c": "1", "d": "2"}}}
    assert read_form("a=1&a=2&b[]=3&c[]=4&c=5") == {"a": ["1", "2"], "b": ["3"], "c": ["4", "5"]}
    assert read_form("a[1]=y&a[0]=x&b[25]=z") == {"a": ["x", "y"], "b": {"25": "z"}}
    assert read_form("a=1&a[b]=2&c[][d]=3") == {"a": ["1", {"b": "2"}], "c": [{"d": "3"}]}
    assert read_form("&a+b=c%2Bd&e&=f&g=%zz+%ff") == {"a b": "c+d", "e": "", "g": "%zz %ff"}
    assert read_form("a[b][c][d][e][f][g][h]=1")["a"]["b"]["c"]["d"]["e"]["f"] == {"[g][h]": "1"}
    assert read_form("__proto__[a]=1&toString=2&x[constructor]=3") == {}
    assert read_form("a%5Bb%5D=1&c[d=e]=f") == {"a": {"b": "1"}, "c": {"d=e": "f"}}


def test_who_only_reads_may_send_no_malformed_body_either(world: World) -> None:
    headers = {"Content-Type": "application/json"}
    for path, status in (("/version", 200), ("/docs", 200), ("/metrics", 500), (f"/deals/{WORD}", 500)):
        answer = world.request("GET", path, params={"chainId": 65535}, data="{", headers=headers)
        assert answer.status_code == status
    fine = world.request("GET", "/metrics", params={"chainId": 65535}, data="[]", headers=headers)
    assert fine.status_code == 200


def test_a_query_is_read_as_node_does(world: World) -> None:
    for query in ("chainId=65535", "&&chainId=%36%35535&x=%zz&y=%ff", "chainId=65535#x"):
        with socket.create_connection(("127.0.0.1", int(world.url.rpartition(":")[2]))) as line:
            line.sendall(f"GET /metrics?{query} HTTP/1.1\r\nHost: {world.url[7:]}\r\n\r\n".encode())
            assert line.recv(20).startswith(b"HTTP/1.1 200")
    assert world.get("/metrics", chainId=["65535", "65535"])[0] == 400
    assert world.get("/deals/%zz")[1]["error"] == "dealid must be a bytes32 hexstring"


# Logging in


def challenge(world: World, address: str) -> dict[str, Any]:
    status, answer = world.get("/challenge", address=address)
    assert (status, list(answer)) == (200, ["ok", "data"])
    return dict(answer["data"])


def test_a_challenge_is_typed_data(world: World) -> None:
    data = challenge(world, world.bob.address)

    assert list(data) == ["types", "domain", "primaryType", "message"]
    assert data["types"] == {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint256"},
        ],
        "Challenge": [{"name": "challenge", "type": "string"}],
    }
    assert data["domain"] == {"name": "iExec Gateway", "version": "1", "chainId": "65535"}
    assert data["primaryType"] == "Challenge"
    text = data["message"]["challenge"]
    assert re.fullmatch(r"Sign this message to log into iExec Gateway: [0-9a-zA-Z]{32}", text)


def test_a_challenge_stays_until_it_is_used(world: World) -> None:
    first = challenge(world, world.bob.address)
    assert challenge(world, world.bob.address.lower()) == first
    assert challenge(world, world.carol.address) != first

    world.put("/apporders", {"orderHash": WORD}, world.bob)

    assert challenge(world, world.bob.address) != first


def test_a_challenge_is_for_an_address(world: World) -> None:
    assert world.get("/challenge") == (400, {"ok": False, "error": "address is a required field"})
    expected = {"ok": False, "error": "address is not a valid ethereum address"}
    assert world.get("/challenge", address="any") == (400, expected)


def attempt(world: World, token: str | None, body: Any = None) -> tuple[int, Any]:
    headers = {"authorization": token} if token is not None else {}
    query = {"chainId": "65535"}
    answer = world.request("PUT", "/apporders", params=query, json=body or {}, headers=headers)
    return answer.status_code, answer.json()


def test_a_token_works_once_even_for_a_bad_request(world: World) -> None:
    token = world.token(world.bob)

    assert attempt(world, token) == (400, {"ok": False, "error": "orderHash is a required field"})
    assert attempt(world, token, {"orderHash": WORD}) == FORBIDDEN


def test_a_token_names_its_address_in_any_case(world: World) -> None:
    digest, signature, address = world.token(world.bob).split("_")
    assert attempt(world, f"{digest}_{signature}_{address.lower()}")[0] == 400


def test_wrong_tokens(world: World) -> None:
    digest, signature, address = world.token(world.bob).split("_")
    other = world.token(world.carol).split("_")
    null = challenge(world, NULL_ADDRESS)
    null_digest = "0x" + hash_typed_data(null["domain"], null["types"], null["message"]).hex()
    wrong = [
        None,
        "",
        "x",
        f"{digest}_{signature}",
        f"{digest}_0x_{address}",
        f"{digest}_{signature[:-4]}_{address}",
        f"{digest}_nothing_{address}",
        f"{digest}_{signature}_{world.carol.address}",
        f"{WORD}_{signature}_{address}",
        f"{digest}_{other[1]}_{address}",
        f"{digest}_{signature}_nobody",
        f"{null_digest}_{signature}_{NULL_ADDRESS}",
    ]
    for token in wrong:
        assert attempt(world, token) == FORBIDDEN
    assert attempt(world, f"{digest}_{signature}_{address}")[0] == 400


def test_a_login_is_signed_as_ethers_takes_it(world: World) -> None:
    digest, signature, address = world.token(world.bob).split("_")
    r, s, v = signature[:66], int(signature[66:130], 16), int(signature[130:], 16)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    malleable = f"{r}{order - s:064x}{55 - v:02x}"
    for wrong in (malleable, f"{r}{s:064x}{v + 2:02x}", f"{r}{s:064x}1d", signature[2:], signature + "00"):
        assert attempt(world, f"{digest}_{wrong}_{address}") == FORBIDDEN
    forms = [
        lambda r, s, v: f"{r}{s}{v - 27:02x}",
        lambda r, s, v: f"{r}{s}{v + 8:02x}",
        lambda r, s, v: f"{r}{int(s, 16) | (v - 27) << 255:064x}",
        lambda r, s, v: f"{r}{s}{v:02x}".upper(),
    ]
    for form in forms:
        digest, signature, _ = world.token(world.bob).split("_")
        changed = form(signature[:66], signature[66:130], int(signature[130:], 16))
        assert attempt(world, f"{digest}_{changed}_{address}")[0] == 400


def test_the_chain_is_looked_at_before_the_token(world: World) -> None:
    answer = world.request("PUT", "/apporders", params={"chainId": 1}, json={})
    assert (answer.status_code, answer.json()["error"]) == (400, "chainId 1 is not supported")
