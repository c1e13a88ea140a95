"""What readers and checkers take unless they are told more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iexec_lab.errors import ValidationError
from iexec_lab.protocol import (
    DATASET_INFINITE_VOLUME,
    NULL_BYTES32,
    NULL_DATASET_ORDER,
    AppOrder,
    DatasetOrder,
    RequestOrder,
    WorkerpoolOrder,
    app_arguments,
    bulk_slices,
    check_bulk_order,
    check_deal_tag,
    check_match,
    create_order,
    decode_tag,
    encode_mrenclave,
    encode_tag,
    is_tag_within,
    storage_token_name,
    sum_tags,
    tee_framework,
)
from iexec_lab.protocol.mrenclave import check_mrenclave
from iexec_lab.protocol.tags import check_tag, tag_name, to_tag

ME, APP, DATASET = (f"0x{digit * 40}" for digit in "123")
SCONE, GRAMINE, TDX, TEE = (encode_tag(names) for names in ("tee,scone", "tee,gramine", "tee,tdx", "tee"))
CONFIG = {"framework": "gramine", "version": "v1", "fingerprint": "ab"}
DEPLOYED = {"owner": ME, "name": "a", "type": "DOCKER", "multiaddr": "x/y:1", "checksum": NULL_BYTES32}


@pytest.mark.parametrize("framework", ["scone", "gramine", "tdx"])
def test_all_three_frameworks_are_known(framework):
    tag = encode_tag(["tee", framework])
    assert decode_tag(tag) == ["tee", framework]
    assert tee_framework(tag) == framework
    assert tag_name(tag_bit(tag)) == framework
    assert to_tag(f"tee,{framework}") == check_tag(tag) == tag
    assert check_deal_tag(tag, NULL_BYTES32, tag) == tag
    assert AppOrder.from_json({**AppOrder(app=APP).to_json(), "tag": tag}).tag == tag
    assert AppOrder.read_field("tag", tag) == tag
    assert create_order("apporder", {"app": APP, "tag": tag}).tag == tag


def tag_bit(tag):
    return (int(tag, 16) & ~1).bit_length() - 1


@pytest.mark.parametrize("known", [("scone", "gramine"), ("tdx",)])
def test_others_are_known_when_they_are_named(known):
    foreign = TDX if known != ("tdx",) else SCONE
    with pytest.raises(ValidationError):
        create_order("apporder", {"app": APP, "tag": "tee"}, frameworks=known)
    if known == ("tdx",):
        with pytest.raises(ValidationError, match="legacy"):
            check_tag(foreign, frameworks=known)
        with pytest.raises(ValidationError):
            encode_mrenclave(CONFIG, frameworks=known)
        with pytest.raises(ValidationError):
            app_arguments({**DEPLOYED, "mrenclave": CONFIG}, frameworks=known)
    assert encode_mrenclave(CONFIG) == app_arguments({**DEPLOYED, "mrenclave": CONFIG})[-1]
    check_mrenclave(CONFIG)


def test_an_enclave_needs_a_framework_and_only_one():
    for options in ({}, {"allow_agnostic": False}):
        with pytest.raises(ValidationError, match="must be used with a tee framework"):
            check_tag(TEE, **options)
    assert check_tag(TEE, allow_agnostic=True) == TEE
    for options in ({}, {"ignore_legacy": False}):
        with pytest.raises(ValidationError, match="legacy"):
            check_tag(SCONE, frameworks=("tdx",), allow_agnostic=True, **options)
    assert check_tag(SCONE, frameworks=("tdx",), allow_agnostic=True, ignore_legacy=True) == SCONE
    with pytest.raises(ValidationError, match="exclusive"):
        check_tag(sum_tags(SCONE, TDX))


def test_all_bits_count():
    top = "0x8" + "0" * 63
    assert sum_tags(top, TEE) == "0x8" + "0" * 62 + "1"
    assert sum_tags(top, TEE, width=255) == TEE
    assert is_tag_within(NULL_BYTES32)
    assert is_tag_within(top)
    assert not is_tag_within(TEE, GRAMINE)
    assert not is_tag_within(GRAMINE, TEE, TEE)


def test_errors_call_a_configuration_this():
    for options, name in (({}, "this"), ({"path": "mrenclave"}, "mrenclave")):
        for read in (encode_mrenclave, check_mrenclave):
            with pytest.raises(ValidationError, match=f"(?m)^{name} is not a valid mrenclave$"):
                read({**CONFIG, "framework": []}, **options)


def test_orders_of_files_need_no_signature():
    bare = AppOrder(app=APP).to_json()
    for options in ({}, {"stage": "unsigned"}):
        assert AppOrder.from_json(bare, **options).signature is None
    for stage, missing in (("salted", "salt"), ("signed", "sign")):
        with pytest.raises(ValidationError, match=f"(?m)^{missing} is a required field$"):
            AppOrder.from_json(bare, stage=stage)
    assert create_order("apporder", {"app": APP}).tag == NULL_BYTES32
    assert create_order("apporder", {"app": APP}, default_tag=TDX).tag == TDX


def test_parameters_are_those_of_sdk_8_unless_tdx_is_all_there_is():
    values = {"app": APP, "category": 0, "params": {"iexec_result_storage_proxy": "https://p.q"}}
    for frameworks in ({}, {"frameworks": ("scone", "gramine", "tdx")}, {"frameworks": ("scone",)}):
        assert "storage_proxy" in create_order("requestorder", values, requester=ME, **frameworks).params
    assert "proxy" not in create_order("requestorder", values, requester=ME, frameworks=("tdx",)).params


def test_tokens_of_storage_are_those_of_sdk_8():
    for options in ({}, {"sdk": 8}):
        assert storage_token_name("ipfs", **options) == "iexec-result-iexec-ipfs-token"
        with pytest.raises(ValidationError, match='"x" not supported'):
            storage_token_name("x", **options)
    assert storage_token_name("ipfs", sdk=9) is storage_token_name("x", sdk=9) is None


def test_a_match_without_a_dataset():
    pool = WorkerpoolOrder(workerpool=ME, category=0)
    request = RequestOrder(app=APP, requester=ME, beneficiary=ME, category=0, params="{}")
    for dataset in ((), (NULL_DATASET_ORDER,)):
        check_match(AppOrder(app=APP), pool, request, *dataset)
        with pytest.raises(ValidationError, match="dataset"):
            check_match(AppOrder(app=APP), pool, replace(request, dataset=DATASET), *dataset)
    check_match(AppOrder(app=APP), pool, replace(request, dataset=DATASET), DatasetOrder(dataset=DATASET))


def test_a_slice_holds_a_hundred_orders():
    order = DatasetOrder(
        dataset=DATASET, volume=DATASET_INFINITE_VOLUME, salt=NULL_BYTES32, signature="0x", tag=GRAMINE
    )
    assert check_bulk_order(order) == order.to_json()
    assert len(bulk_slices([order] * 100)) == 1
    assert len(bulk_slices([order] * 101)) == 2
    assert len(bulk_slices([order] * 101, 101 // 2)) == 3
