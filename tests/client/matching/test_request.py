from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from helpers.places import TESTS

from iexec_lab.client.matching.request import Request
from iexec_lab.client.matching.run_options import ExecutionOptions
from iexec_lab.client.options import with_defaults
from iexec_lab.errors import ValidationError
from iexec_lab.networks import NETWORKS
from iexec_lab.protocol import NULL_ADDRESS, canonical_params, encode_tag, to_address

APP, DATASET, POOL, OTHER = (f"0x{digit * 40}" for digit in "1234")


def read(network="bellecour", **options):
    session = SimpleNamespace(
        network=NETWORKS[network] if isinstance(network, str) else network, to_address=to_address
    )
    values = with_defaults(ExecutionOptions, options)
    del values["skip_preflight_check"]
    return Request.read(session, APP, values)


def test_nothing_but_an_app():
    assert read() == Request(app=APP)
    request = Request(app=APP)
    assert (request.dataset, request.workerpool, request.callback) == (NULL_ADDRESS,) * 3
    assert (request.params, request.trust, request.volume) == ({}, 0, 1)
    assert (request.app_price, request.dataset_price, request.workerpool_price) == (None,) * 3
    assert (request.category, request.tag, request.beneficiary, request.wants_enclave) == (None,) * 4
    assert request.resources == {"app": APP}


def test_everything():
    request = read(
        dataset=DATASET,
        workerpool=POOL,
        category="3",
        tag="tee,scone",
        trust="5",
        callback=OTHER,
        beneficiary=OTHER,
        volume="7",
        app_price="1 RLC",
        dataset_price=0,
    )
    assert request == Request(
        app=APP,
        dataset=DATASET,
        workerpool=POOL,
        category=3,
        tag=encode_tag("tee,scone"),
        trust=5,
        callback=OTHER,
        beneficiary=OTHER,
        volume=7,
        app_price=10**9,
        dataset_price=0,
    )
    assert request.resources == {"app": APP, "dataset": DATASET, "workerpool": POOL}
    assert read(category=0).category == 0
    assert read(tag="").tag == encode_tag("")


@pytest.mark.parametrize(
    ("options", "params"),
    [
        ({"args": ""}, {"iexec_args": ""}),
        ({"args": "a b"}, {"iexec_args": "a b"}),
        ({"input_files": "https://a.b,http://c"}, {"iexec_input_files": ["https://a.b", "http://c"]}),
        ({"input_files": ["https://a.b"]}, {"iexec_input_files": ["https://a.b"]}),
        ({"input_files": ()}, {"iexec_input_files": ()}),
        ({"encrypt_result": True}, {"iexec_result_encryption": True}),
        ({"storage_provider": "dropbox"}, {"iexec_result_storage_provider": "dropbox"}),
        ({"secret": {1: "a", 20: "b"}}, {"iexec_secrets": {"1": "a", "20": "b"}}),
        ({"secret": ["1=a", "2=b=c"]}, {"iexec_secrets": {"1": "a", "2": "b=c"}}),
        ({"secret": "1=a 2"}, {"iexec_secrets": {"1": "a 2"}}),
        ({"secret": {}}, {}),
        ({"params": {}}, {}),
        ({"params": "{}"}, {}),
        ({"params": {"iexec_args": "x"}}, {"iexec_args": "x"}),
        ({"params": '{"iexec_args":"x"}', "args": "y"}, {"iexec_args": "y"}),
    ],
)
def test_options_become_parameters(options, params):
    assert read(**options).params == params


def test_a_caller_s_parameters_are_left_alone():
    held = {"iexec_args": "x"}
    assert read(params=held, args="y").params == {"iexec_args": "y"}
    assert held == {"iexec_args": "x"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"volume": 0}, "volume must be greater than or equal to 1"),
        ({"volume": "x"}, "x is not a valid uint256"),
        ({"params": "no json"}, "no json is not a valid params, must be a json"),
        ({"params": "[1]"}, r"\[1\] is not a valid params, must be a json"),
        ({"params": "null"}, "null is not a valid params, must be a json"),
        ({"params": [1]}, "is not a valid params, must be a json"),
        ({"secret": ["1"]}, "'1' is not a valid secret mapping syntax"),
        ({"secret": ["0=a"]}, "requester secret mapping keys must be strictly positive integers"),
        ({"secret": ["01=a"]}, "requester secret mapping keys must be strictly positive integers"),
        ({"secret": ["1=a", "x=b"]}, "requester secret mapping keys must be strictly positive integers"),
        ({"secret": 5}, "secret must be a `object` type"),
        ({"input_files": "ftp://a"}, 'iexec_input_files\\[0\\] "ftp://a" is not a valid URL'),
        ({"storage_provider": "x"}, 'iexec_result_storage_provider "x" is not a valid storage provider'),
        ({"args": ["a"]}, "iexec_args must be a `string` type"),
        ({"category": -1}, "-1 is not a valid uint256"),
        ({"trust": -1}, "-1 is not a valid uint256"),
        ({"app_price": "1 EUR"}, "EUR"),
        ({"workerpool_price": -1}, "-1"),
    ],
)
def test_options_that_can_not_be_right(options, message):
    with pytest.raises(ValidationError, match=message):
        read(**options)


def test_tags_may_name_the_frameworks_that_the_network_knows():
    assert read("bellecour", tag="tee,tdx").tag == encode_tag("tee,tdx")
    before = replace(NETWORKS["bellecour"], frameworks=("scone", "gramine"))
    with pytest.raises(ValidationError, match="Unknown tag tdx"):
        read(before, tag="tee,tdx")


@pytest.mark.parametrize("sdk", [8, 9])
def test_the_text_that_is_signed_is_that_of_the_official_cli(sdk):
    """The order of keys counts: the text is hashed. Recorded from the schemas of 8.22.5 and 9.0.1."""
    cases = json.loads((TESTS / "vectors" / "run_params.json").read_text())
    for case in (each for each in cases if each["sdk"] == sdk):
        request = read(**case["options"])
        text = canonical_params(request.params, tag=case["tag"], callback=case["callback"], sdk=sdk)
        assert text == case["params"], case
