"""The HTTP surface: routing, headers, statuses, logging in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from iexec_lab.protocol import NULL_ADDRESS, hash_typed_data

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


@pytest.mark.parametrize("path", ["/", "/orders", "/apporder", "/deals/x/y", "/version/1", "/ws"])
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


def test_options_without_origin_name_the_verbs(world: World) -> None:
    answer = world.request("OPTIONS", "/requestorders")
    assert (answer.status_code, answer.headers["Allow"]) == (200, "HEAD, GET, POST, PUT")


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


def test_huge_bodies_are_refused(world: World) -> None:
    headers = {"Content-Type": "application/json"}
    answer = world.request("POST", "/apporders", data='{"x":"' + "x" * 2_000_000 + '"}', headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (500, "Internal error")


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


def test_the_chain_is_looked_at_before_the_token(world: World) -> None:
    answer = world.request("PUT", "/apporders", params={"chainId": 1}, json={})
    assert (answer.status_code, answer.json()["error"]) == (400, "chainId 1 is not supported")
