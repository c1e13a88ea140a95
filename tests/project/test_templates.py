"""Templates: the objects the official CLI writes, in its key order."""

from __future__ import annotations

import json

import pytest

from iexec_lab.errors import ValidationError
from iexec_lab.project import templates

OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
NULL = "0x" + 40 * "0"


def test_app_templates():
    plain = templates.app(OWNER)
    assert list(plain) == ["owner", "name", "type", "multiaddr", "checksum"]
    assert plain["multiaddr"] == "iexechub/python-hello-world:8.0.4"
    assert templates.app(OWNER, "tdx") == plain
    assert templates.app(OWNER, "SCONE")["mrenclave"]["heapSize"] == 1073741824
    assert templates.app(OWNER, "gramine")["name"] == "hello-world-gramine"
    with pytest.raises(ValidationError, match="sgx is not a valid TEE framework"):
        templates.app(OWNER, "sgx")


def test_templates_are_copies():
    templates.app(OWNER, "scone")["mrenclave"]["version"] = "changed"
    assert templates.app(OWNER, "scone")["mrenclave"]["version"] == "v5.9"


def test_other_resources():
    assert templates.resource("workerpool", OWNER) == {"owner": OWNER, "description": "my-workerpool"}
    assert templates.resource("dataset", OWNER)["checksum"] == "0x" + 64 * "0"
    assert templates.category()["workClockTimeRef"] == "100"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (
            "apporder",
            (
                f'{{"app":"{OWNER}","appprice":"0","volume":"1000000","tag":["tee","tdx"],"datasetrestrict":"{NULL}",'
                f'"workerpoolrestrict":"{NULL}","requesterrestrict":"{NULL}"}}'
            ),
        ),
        (
            "workerpoolorder",
            (
                f'{{"workerpool":"{OWNER}","workerpoolprice":"0","volume":"1","category":"0","trust":"0",'
                f'"tag":["tee","tdx"],"apprestrict":"{NULL}","datasetrestrict":"{NULL}","requesterrestrict":"{NULL}"}}'
            ),
        ),
        (
            "requestorder",
            (
                f'{{"app":"{NULL}","appmaxprice":"0","dataset":"{NULL}","datasetmaxprice":"0","workerpool":"{NULL}",'
                '"workerpoolmaxprice":"0","volume":"1","category":"0","trust":"0","tag":["tee","tdx"],'
                f'"beneficiary":"{OWNER}","callback":"{NULL}","params":{{"iexec_args":"","iexec_input_files":[],'
                f'"iexec_result_encryption":false}},"requester":"{OWNER}"}}'
            ),
        ),
    ],
)
def test_orders_have_the_official_key_order(kind, text):
    order = templates.order(kind, resource=OWNER, user=OWNER, tag=["tee", "tdx"])
    assert json.dumps(order, separators=(",", ":")) == text
