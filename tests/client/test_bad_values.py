"""Values of a kind that a verb can not take end in an error of ours."""

from __future__ import annotations

from operator import attrgetter

import pytest
from helpers.answers import facts

from iexec_lab.client.results.result import Result
from iexec_lab.errors import CryptoError, IexecError

APP = "0x" + "11" * 20
DEEP = '{"iexec_args":' + "[" * 100_000

VALUES = [
    ("account.deposit", {"amount": 1, "unit": []}),
    ("app.push_secret", {"address": APP, "secret_value": 5}),
    ("app.run", {"app": APP, "input_files": 5}),
    ("app.run", {"app": APP, "params": DEEP}),
    ("app.run", {"app": APP, "params": ["x"]}),
    ("app.run", {"app": APP, "params": 5}),
    ("app.run", {"app": APP, "secret": 5}),
    ("category.show", {"index": []}),
    ("dataset.prepare_bulk", {"orders": None}),
    ("dataset.prepare_bulk", {"orders": "x"}),
    ("dataset.push_secret", {"address": APP, "secret_path": "a\0b"}),
    ("dataset.push_secret", {"address": APP, "secret_path": "\ud800"}),
    ("deal.list", {"limit": "5"}),
    ("ens.get_owner", {"name": None}),
    ("ens.register", {"label": None}),
    ("network.setting", {"key": []}),
    ("order.show", {"kind": [], "order_hash": "0x"}),
    ("orderbook.workerpool", {"limit": 1.5}),
    ("requester.check_secret", {"name": "\ud800"}),
    ("requester.check_secret", {"name": 5}),
    ("requester.push_secret", {"name": "a", "secret_value": 5}),
    ("result.generate_encryption_keypair", {"beneficiary_keystoredir": "a\0b"}),
    ("result.push_encryption_key", {"secret_path": "\ud800"}),
    ("storage.check", {"provider": []}),
    ("storage.init", {"provider": []}),
    ("storage.upload", {"path": "a\0b"}),
]


@pytest.mark.parametrize(
    ("verb", "values"), VALUES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_value_of_the_wrong_kind_is_refused(lab, verb, values):
    with pytest.raises(IexecError):
        attrgetter(verb)(lab)(**values)


def test_an_empty_text_names_the_first_and_the_own(lab):
    assert facts(lab, "category.show", "")["index"] == "0"
    assert facts(lab, "wallet.show", "")["address"] == lab.wallet.address


def test_a_folder_that_is_a_file_takes_no_keys(lab, tmp_path):
    (tmp_path / "keys").write_text("x")
    with pytest.raises(CryptoError, match="cannot write"):
        lab.result.generate_encryption_keypair(beneficiary_keystoredir=str(tmp_path / "keys"))


def test_a_result_can_be_saved_where_it_is(tmp_path):
    path = tmp_path / "result.zip"
    path.write_bytes(b"PK\x05\x06" + bytes(18))
    assert Result(path).save(path).read_bytes() == b"PK\x05\x06" + bytes(18)
    assert [each.name for each in tmp_path.iterdir()] == ["result.zip"]
    with pytest.raises(CryptoError, match="cannot write"):
        Result(path).save(tmp_path / "result.zip" / "copy.zip")
