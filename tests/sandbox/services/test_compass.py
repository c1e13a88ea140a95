from __future__ import annotations

import pytest
import requests
from helpers.sandbox.serving import CHAIN_ID, ChainDouble, make_context, serving

from iexec_lab.protocol import NULL_ADDRESS
from iexec_lab.sandbox.chain.accounts import well_known_accounts
from iexec_lab.sandbox.services import compass
from iexec_lab.services.compass import Compass

POOL = "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"
OURS, FOREIGN, FORGED = (f"0x{digit * 40}" for digit in "234")
REGISTRY = "0x00000000000000000000000000000000000000bb"
USER = well_known_accounts().users[0].address
ANSWERS = {
    (REGISTRY, "isRegistered", OURS): True,
    (OURS, "owner"): USER.lower(),
    (REGISTRY, "isRegistered", FOREIGN): True,
    (FOREIGN, "owner"): NULL_ADDRESS,
    (REGISTRY, "isRegistered", FORGED): False,
    (FORGED, "owner"): USER.lower(),
}


@pytest.fixture
def service(tmp_path):
    registries = {"workerpool": REGISTRY}
    context = make_context(tmp_path, ChainDouble(ANSWERS), workerpool=POOL, registries=registries)
    with serving(compass.create, context) as url:
        yield url, context.urls["workerpool"]


def test_the_sandboxs_pool_is_known(service):
    url, workerpool = service
    answer = requests.get(
        f"{url}/{CHAIN_ID}/workerpools/{POOL}", headers={"Origin": "http://localhost:3000"}, timeout=10
    )
    assert (answer.status_code, answer.json()) == (200, {"apiUrl": workerpool})
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert Compass(url).api_url(CHAIN_ID, POOL.lower()) == workerpool


def test_a_pool_of_an_account_of_the_sandbox_is_known(service):
    url, workerpool = service
    assert Compass(url).api_url(CHAIN_ID, OURS) == workerpool


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/{CHAIN_ID}/workerpools/0x{'11' * 20}", 404),
        (f"/{CHAIN_ID}/workerpools/{FOREIGN}", 404),
        (f"/{CHAIN_ID}/workerpools/{FORGED}", 404),
        (f"/1/workerpools/{POOL}", 404),
        (f"/1/workerpools/{OURS}", 404),
        (f"/{CHAIN_ID}/workerpools/foo", 400),
    ],
)
def test_others_are_not(service, path, status):
    answer = requests.get(service[0] + path, timeout=10)
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)
    assert Compass(service[0]).api_url(CHAIN_ID, "0x" + "11" * 20) is None
