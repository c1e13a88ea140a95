from __future__ import annotations

import pytest

from iexec_lab.urls import is_loopback, shown_url


@pytest.mark.parametrize(
    "url",
    [
        "http://far.example\\@localhost",  # localhost for one library, far.example for the other
        "http://far.example\\@127.0.0.1:8545/",
        "http://far.example\t@localhost",
        "http://far.example @localhost",
    ],
)
def test_a_url_that_libraries_read_in_two_ways_is_not_on_this_machine(url):
    assert not is_loopback(url)


@pytest.mark.parametrize("url", ["http://localhost", "https://127.0.0.1:8545/x", "http://[::1]:8545"])
def test_this_machine(url):
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url", ["", "mainnet", "http://[::1", "http://localhost@far.example", "http://far.example"]
)
def test_not_this_machine(url):
    assert not is_loopback(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "https://user:pass@mainnet.infura.io:444/v3/0123456789abcdef0123456789abcdef?key=secret",
            "https://mainnet.infura.io:444/v3/…",
        ),
        ("http://127.0.0.1:8545/rpc/", "http://127.0.0.1:8545/rpc"),
        ("http://[::1]:8545", "http://[::1]:8545"),
        ("mainnet", "mainnet"),
        ("https://only-a-key@node.example/rpc", "https://node.example/rpc"),
        ("https://only-a-key@127.0.0.1:8545", "https://127.0.0.1:8545"),
        ("https://:only-a-password@node.example", "https://node.example"),
        ("only-a-key@node.example", "…"),
        ("https://node.example/0123456789abcdefghi", "https://node.example/0123456789abcdefghi"),
        ("https://node.example/0123456789abcdefghij", "https://node.example/…"),
        ("https://node.example?apikey=1", "https://node.example"),
        ("HTTPS://user@node.example", "https://node.example"),
        ("http://user:pass@127.0.0.1:99999/", "http://…"),
        ("http://[user:pass", "http://…"),
        ("user:pass@node.example", "…"),
        ("ftp:0123456789abcdef0123456789abcdef", "ftp:…"),
    ],
)
def test_what_may_be_a_secret_is_not_shown(url, shown):
    assert shown_url(url) == shown
