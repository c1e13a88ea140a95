from __future__ import annotations

import os
import sys
from contextlib import suppress
from email.utils import formatdate

import pytest
from helpers.faulty_server import (
    Clock,
    FaultyServer,
    Reply,
    cut,
    delay,
    drip,
    drip_bytes,
    drip_chunk,
    drip_continue,
    drip_head,
    drop,
    endless,
    garbage,
    json_reply,
    lose_answer,
    status,
)
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ApiError, ConfigurationError, MarketError, ValidationError
from iexec_lab.plain_text import plain
from iexec_lab.services.http import Http, query_string

SECRET = "hunter2"
JSON_HEAD = (("Content-Type", "application/json"),)
QUICK = 0.5


def echo(request):
    return json_reply({"path": request.path})


def http(server, **options):
    return Http(f"{server.url}/base?key={SECRET}", MarketError, **options)


def failed(url, words):
    return f"Market API error: {words.format(url + '/base')}"


UNREACHABLE = "Connection to {} failed with a network error"
INTERNAL = "Server at {} encountered an internal error"


@pytest.mark.parametrize(
    "fault",
    [
        drop,
        lose_answer,
        cut(3),
        status(502),
        status(503),
        status(504),
        status(429),
        status(429, Retry_After="0"),
    ],
    ids=["drop", "lose", "cut", "502", "503", "504", "429", "429-wait"],
)
def test_a_read_is_repeated_when_the_fault_may_pass(fault):
    with FaultyServer(answer=echo).plan(fault, fault) as server:
        assert http(server).get_json("/a") == {"path": "/a"}
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("fault", "words", "calls"),
    [
        (drop, UNREACHABLE, 3),
        (cut(3), UNREACHABLE, 3),
        (status(502), INTERNAL, 3),
        (status(500), INTERNAL, 1),
        (status(503, Retry_After="3600"), INTERNAL, 1),
    ],
    ids=["drop", "cut", "502", "500", "503-later"],
)
def test_the_attempts_are_bounded(fault, words, calls):
    with FaultyServer(answer=echo, always=fault) as server:
        with pytest.raises(MarketError) as caught:
            http(server).get_json("/a", {"token": SECRET})
        assert caught.value.message == failed(server.url, words)
        assert caught.value.url == server.url + "/a"
        assert len(server.requests) == calls
        assert SECRET not in "".join(caught.value.lines()) + repr(caught.value)


@pytest.mark.parametrize(
    "fault", [drop, lose_answer, cut(3), status(502)], ids=["drop", "lose", "cut", "502"]
)
def test_a_write_is_never_repeated(fault):
    with FaultyServer(answer=echo).plan(fault) as server:
        with pytest.raises(MarketError):
            http(server).send_json("POST", "/a", None, {"x": 1})
        assert len(server.requests) == 1


def test_a_write_that_was_refused_as_one_too_many_is_repeated():
    with FaultyServer(answer=echo).plan(status(429, Retry_After="0")) as server:
        assert http(server).send_json("POST", "/a", None, {"x": 1}) == {"path": "/a"}
        assert [request.json() for request in server.requests] == [{"x": 1}, {"x": 1}]


def test_a_safe_write_is_repeated():
    with FaultyServer(answer=echo).plan(drop) as server:
        assert http(server).send_json("POST", "/a", None, {"x": 1}, safe=True) == {"path": "/a"}


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_server_says_how_long_to_wait(form, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(clock, "time", lambda: 1_790_000_000.25)
    monkeypatch.setattr("iexec_lab.services.http.time", clock)
    monkeypatch.setattr("iexec_lab.http_deadline.time", clock)
    asked = "1" if form == "seconds" else formatdate(1_790_000_002, usegmt=True)
    with FaultyServer(answer=echo).plan(status(429, Retry_After=asked)) as server:
        http(server).get_json("/a")
    assert clock.slept == [1 if form == "seconds" else 1.75]


def test_one_told_to_stay_away_for_long_says_so():
    with FaultyServer(always=status(429, '{"error": "Rate limit exceeded"}', Retry_After="60")) as server:
        with pytest.raises(ApiError) as caught:
            http(server).get_json("/a")
        assert caught.value.message == "API error: 429 Too Many Requests"
        assert caught.value.hint == "Try again in 60 s, as the service asks."
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [delay(3600), drip(3600), drip_head, drip_chunk, drip_continue],
    ids=["delay", "body", "head", "chunk", "continue"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_call_takes_longer_than_its_time_out(fault, method):
    with FaultyServer(answer=echo, always=fault) as server:
        with pytest.raises(MarketError) as caught:
            http(server, timeout=QUICK).call(method, "/a", body="x" if method == "POST" else None)
        assert caught.value.details["cause"] == "no whole answer in time"


def test_a_connection_used_before_keeps_no_old_time_out():
    with FaultyServer(answer=echo) as server:
        known = None
        while known is None:
            with suppress(MarketError):  # where this machine slept for so long
                known = http(server, timeout=QUICK).get_json("/a")
        server.plan(delay(3 * QUICK))
        assert http(server).get_json("/a") == known


def test_a_server_that_reads_slowly_does_not_hold_an_upload():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(MarketError) as caught:
            Http(f"http://127.0.0.1:{port}", MarketError, timeout=QUICK).call(
                "POST", "/a", body=b"x" * (64 << 20), long=True
            )
    assert caught.value.details["cause"] == "no whole answer in time"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (garbage("<html>", "text/html"), "The http response is not of JSON type"),
        (garbage("{}", "text/plain"), "The http response is not of JSON type"),
        (status(404), "The http response is not of JSON type"),
        (garbage("{"), "The http response is not valid JSON"),
        (garbage(b"\xff\xfe\xfa"), "The http response is not valid JSON"),
        (garbage("[" * 200_000), "The http response is not valid JSON"),
        (garbage("1" * 10_000), "The http response is not valid JSON"),
    ],
    ids=["html", "text", "404-html", "cut", "binary", "deep", "long-number"],
)
def test_an_answer_that_is_not_json_is_an_error(answer, message):
    with FaultyServer(always=answer) as server, pytest.raises(ApiError) as caught:
        http(server).get_json("/a")
    assert caught.value.message == message
    assert caught.value.details["service"] == "Market API"
    assert caught.value.details["url"] == server.url + "/base"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": "invalid authorization"}, "API error: invalid authorization"),
        ({"error": ["Secret not found"]}, "API error: Secret not found"),
        ({"error": ""}, "API error: 403 Forbidden"),
        ({"message": "x"}, "API error: 403 Forbidden"),
        ([], "API error: 403 Forbidden"),
        ({"error": "a\x1b[31mb\nc"}, "API error: a [31mb c"),
        ({"error": "x" * 9999}, "API error: " + "x" * 489 + "…"),
    ],
)
def test_the_words_of_a_refusal_come_through_tamed(body, message):
    with FaultyServer(answer=lambda _: json_reply(body, 403)) as server, pytest.raises(ApiError) as caught:
        http(server).get_json("/a")
    assert (caught.value.message, caught.value.status) == (message, 403)


def test_a_refusal_with_broken_json_tells_the_status():
    def answer(_request):
        return Reply(400, b"{", (("Content-Type", "application/json"),))

    with FaultyServer(answer=answer) as server, pytest.raises(ApiError, match="API error: 400 Bad Request"):
        http(server).get_json("/a")


def test_an_endless_answer_is_given_up():
    with FaultyServer(always=endless()) as server:
        with pytest.raises(MarketError) as caught:
            http(server, max_bytes=1 << 20).get_json("/a")
        assert caught.value.details["cause"] == "the answer has more than 1048576 bytes"
        assert len(server.requests) == 1


def test_a_compressed_bomb_is_given_up():
    import gzip

    bomb = gzip.compress(b" " * (8 << 20))

    def answer(_request):
        return Reply(200, bomb, (("Content-Type", "application/json"), ("Content-Encoding", "gzip")))

    with FaultyServer(answer=answer) as server, pytest.raises(MarketError) as caught:
        http(server, max_bytes=1 << 20).get_json("/a")
    assert caught.value.details["cause"] == "the answer has more than 1048576 bytes"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_body_of_a_redirection_is_not_read(method):
    away = (("Location", "/b"), ("Content-Type", "text/plain"))
    sent = []

    def redirect(exchange):
        exchange.start(Reply(302, b"", away))
        with suppress(OSError):
            while len(sent) < 1000:
                exchange.handler.wfile.write(bytes(1 << 20))
                sent.append(1)
        exchange.hang_up()

    with FaultyServer(answer=echo) as server:
        server.plan(redirect)
        with suppress(ApiError):
            assert http(server).send_json(method, "/a", None, {}) == {"path": "/b"}
    assert len(sent) < 100


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: " + b"y" * 8000 + b"\r\n"),
    ],
    ids=["continue", "trailers"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_heads_and_trailers_earn_no_time(method, start, more):
    with FaultyServer(always=drip_bytes(start, more * 100, 0.0001)) as server:
        with pytest.raises(MarketError) as caught:
            http(server, timeout=QUICK, retries=0).call(method, "/a", body=b"x", long=True)
        assert caught.value.details["cause"] == "no whole answer in time"


def test_no_answer_overflows_the_stack():
    # As in a notebook that has imported web3, whose libraries lift the limit.
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        deep = Reply(200, b"[" * 99_000, JSON_HEAD)
        with FaultyServer(answer=lambda _: deep) as server, pytest.raises(ApiError, match="not valid JSON"):
            http(server).get_json("/a")
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize(
    "head",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 301 Moved\r\nLocation: http://[::bad\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: ftp://x/y\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["no-http", "headers", "long-header", "chunk", "gzip", "location", "location-bytes", "ftp"],
)
def test_nonsense_is_an_error_of_ours(head):
    def fault(exchange):
        exchange.handler.wfile.write(head)
        exchange.hang_up()

    with FaultyServer(always=fault) as server, pytest.raises((MarketError, ApiError)):
        http(server).get_json("/a")


def test_redirections_are_followed_and_bounded():
    def answer(request):
        target = "/b" if request.path == "/a" else "/loop"
        if request.path == "/b":
            return json_reply({"path": "/b"})
        return Reply(302, b"", (("Location", target),))

    with FaultyServer(answer=answer) as server:
        assert http(server).get_json("/a") == {"path": "/b"}
        with pytest.raises(MarketError) as caught:
            http(server).get_json("/loop")
        assert caught.value.details["cause"] == "too many redirections"


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://a/", "http://[", "http://a:99999/"])
def test_a_redirection_out_of_http_is_an_error_of_ours(place):
    with FaultyServer(always=status(302, "", Location=place)) as server:
        with pytest.raises(MarketError) as caught:
            http(server).get_json("/a")
        assert caught.value.details["cause"] in {
            "a redirection to an invalid HTTP address",
            "no answer that can be understood",
        }


def test_authorization_stays_with_its_host():
    with (
        FaultyServer(answer=lambda request: json_reply(request.headers)) as other,
        FaultyServer(always=status(302, "", Location=f"{other.url}/x")) as server,
    ):
        assert "Authorization" not in http(server).get_json("/a", headers={"Authorization": SECRET})


def test_a_body_goes_nowhere_else():
    with FaultyServer(answer=lambda _: Reply(307, b"", (("Location", "/b"),))) as server:
        assert http(server).call("POST", "/a", body=SECRET).status == 307
        assert [request.path for request in server.requests] == ["/a"]


def test_authorization_is_the_callers_even_with_a_netrc(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    netrc.chmod(0o600)
    monkeypatch.setitem(os.environ, "NETRC", str(netrc))
    with FaultyServer(answer=echo) as server:
        http(server).get_json("/a", headers={"Authorization": "mine"})
        http(server).get_json("/a")
    assert [request.headers.get("Authorization") for request in server.requests] == ["mine", None]


def test_loopback_is_reached_past_a_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with FaultyServer(answer=echo) as server:
        assert http(server).get_json("/a")["path"] == "/a"


def test_a_path_that_is_no_unicode_is_refused():
    with FaultyServer(answer=echo) as server:
        for path, query, body in (("/\ud800", {}, None), ("/a", {"b": "\ud800"}, None), ("/a", {}, "\ud800")):
            with pytest.raises(ValidationError, match="valid Unicode"):
                http(server).call("POST", path, query, body=body)
        assert not server.requests


def test_cookies_are_not_kept():
    def answer(_request):
        return Reply(200, b"{}", (("Content-Type", "application/json"), ("Set-Cookie", "a=b")))

    with FaultyServer(answer=answer) as server:
        http(server).get_json("/a")
        http(server).get_json("/a")
    assert "Cookie" not in server.requests[1].headers


def test_an_unknown_host_and_a_closed_port_are_told_apart(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(MarketError) as caught:
        Http("http://nobody.invalid", MarketError, retries=0).get_json("/a")
    assert caught.value.details["cause"] == "the host name is not known"
    assert "sandbox" not in caught.value.hint
    with pytest.raises(MarketError) as caught:
        Http("http://127.0.0.1:9", MarketError, retries=0).get_json("/a")
    assert caught.value.details["cause"] == "connection refused"
    assert "iexec-lab sandbox start" in caught.value.hint


def test_a_certificate_that_is_none_is_an_error_of_ours():
    with FaultyServer(answer=echo) as server, pytest.raises(MarketError) as caught:
        Http(server.url.replace("http", "https"), MarketError, retries=0).get_json("/a")
    assert caught.value.details["cause"] == "no secure connection (TLS)"


@pytest.mark.parametrize("url", ["", "market", "ftp://x", "https://", "http://me:hunter2@x.example"])
def test_an_address_that_can_not_be_is_refused(url):
    with pytest.raises(ConfigurationError) as caught:
        Http(url, MarketError)
    assert SECRET not in str(caught.value)


def test_the_base_path_is_dropped_and_names_are_encoded():
    with FaultyServer(answer=echo) as server:
        assert http(server).get_json("/a b/é", {"b": True, "a": None, "c": "x&y!", "aa": 3})["path"] == (
            "/a%20b/%C3%A9?aa=3&b=true&c=x%26y%21"
        )


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=20), max_size=5))
def test_a_query_reads_back_as_it_was(query):
    from urllib.parse import parse_qsl

    text = query_string(query)
    assert parse_qsl(text[1:], keep_blank_values=True) == sorted(query.items())


@given(st.text(max_size=700))
def test_plain_words_are_short_and_printable(text):
    shown = plain(text)
    assert len(shown) <= 501
    assert shown.isprintable()
