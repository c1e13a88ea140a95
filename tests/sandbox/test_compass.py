from __future__ import annotations

import pytest
import requests
from sandbox.serving import CHAIN_ID, make_context, serving

from iexec_lab.sandbox import compass
from iexec_lab.services.compass import Compass

POOL = "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"


@pytest.fixture
def service(tmp_path):
    context = make_context(tmp_path, workerpool=POOL)
    with serving(compass.create, context) as url:
        yield url, context.urls["workerpool"]


def test_the_sandboxs_pool_is_known(service):
    url, workerpool = service
    answer = requests.get(f"{url}/{CHAIN_ID}/workerpools/{POOL}", timeout=10)
    assert (answer.status_code, answer.json()) == (200, {"apiUrl": workerpool})
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert Compass(url).api_url(CHAIN_ID, POOL.lower()) == workerpool


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/{CHAIN_ID}/workerpools/0x{'11' * 20}", 404),
        (f"/1/workerpools/{POOL}", 404),
        (f"/{CHAIN_ID}/workerpools/foo", 400),
    ],
)
def test_others_are_not(service, path, status):
    answer = requests.get(service[0] + path, timeout=10)
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)
    assert Compass(service[0]).api_url(CHAIN_ID, "0x" + "11" * 20) is None
