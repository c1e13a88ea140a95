"""The rate limit, which a sandbox has only when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp.test_utils import make_mocked_request

from iexec_lab.sandbox.services.market import MarketOptions, RateLimit
from iexec_lab.sandbox.services.market.limits import RateLimiter

if TYPE_CHECKING:
    from aiohttp import web
    from helpers.sandbox.market_world import Universe, World


def request(remote: str = "10.0.0.1", **headers: str) -> web.Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("GET", "/version", headers=named).clone(remote=remote)


def limiter(*, exempt_loopback: bool = True) -> tuple[RateLimiter, list[float]]:
    clock = [1000.0]
    limit = RateLimit(maximum=2, period=60, exempt_loopback=exempt_loopback)
    return RateLimiter(limit, lambda: clock[0]), clock


def test_requests_are_counted_until_the_period_ends() -> None:
    count, clock = limiter()
    assert count.count(request()) == {
        "X-RateLimit-Limit": "2",
        "X-RateLimit-Remaining": "1",
        "X-RateLimit-Reset": "1060",
    }
    clock[0] += 10
    assert count.count(request())["X-RateLimit-Remaining"] == "0"
    refused = count.count(request())
    assert (refused["Retry-After"], refused["X-RateLimit-Remaining"]) == ("50", "0")
    clock[0] += 50
    assert count.count(request())["X-RateLimit-Remaining"] == "1"


def test_clients_are_told_apart() -> None:
    count, _ = limiter()
    for each in (
        request(),
        request(remote="10.0.0.2"),
        request(X_Forwarded_For="1.1.1.1"),
        request(X_Real_IP="2.2.2.2", X_Forwarded_For="1.1.1.1"),
    ):
        assert count.count(each)["X-RateLimit-Remaining"] == "1"


def test_who_is_not_limited() -> None:
    count, _ = limiter()
    assert count.count(request(remote="127.0.0.1")) == {}
    assert count.count(request(Origin="https://market.iex.ec")) == {}
    assert count.count(request(remote="::1"))
    assert count.count(request(Origin="https://iex.ec.example"))


def test_a_sandbox_has_no_limit(world: World) -> None:
    for _ in range(150):
        answer = world.request("GET", "/version")
    assert answer.status_code == 200
    assert "X-RateLimit-Limit" not in answer.headers


def test_a_market_with_a_limit(universe: Universe) -> None:
    options = MarketOptions(rate_limit=RateLimit(maximum=3, exempt_loopback=False))
    world = universe.world("limited", options)
    answers = [world.request("GET", "/version", headers={"Origin": "http://[::1]:3000"}) for _ in range(4)]

    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert answers[0].headers["X-RateLimit-Remaining"] == "2"
    assert answers[3].json() == {"ok": False, "error": "Rate limit exceeded"}
    assert 0 < int(answers[3].headers["Retry-After"]) <= 60
    assert answers[3].headers["Access-Control-Allow-Origin"] == "http://[::1]:3000"
    world.stop()
