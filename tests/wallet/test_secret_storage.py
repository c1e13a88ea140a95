from __future__ import annotations

import contextlib
import copy
import json
import unicodedata
import uuid

import pytest
from helpers.mutated import mutated
from helpers.places import TESTS, VECTORS
from hypothesis import given, settings
from hypothesis import strategies as st

from iexec_lab.errors import IexecError, WalletError
from iexec_lab.protocol.signatures import key_address
from iexec_lab.wallet.secret_storage import decrypt_key, encrypt_key

pytestmark = pytest.mark.slow

CHEAP = 2
KEY = bytes.fromhex("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d")

# The two examples of the Web3 Secret Storage definition, password "testpassword".
PBKDF2 = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}
SCRYPT = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
        "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
        "kdf": "scrypt",
        "kdfparams": {
            "dklen": 32,
            "n": 262144,
            "p": 8,
            "r": 1,
            "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
        },
        "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}


def test_a_key_is_encrypted_byte_for_byte_as_the_official_sdk_does():
    everything = json.loads((VECTORS / "wallet.json").read_text())["vectors"]
    case = next(each for each in everything if each["id"] == "wallet/keystore-v3")
    drawn = bytes(range(0x10, 0x30))
    made = encrypt_key(
        bytes.fromhex(case["input"]["privateKey"][2:]),
        case["input"]["password"],
        salt=drawn,
        iv=drawn[:16],
        identity=uuid.UUID(bytes=drawn[:16], version=4),
    )
    assert made == case["expected"]
    assert decrypt_key(made, case["input"]["password"]).hex() == case["input"]["privateKey"][2:]


@pytest.mark.parametrize(("name", "password"), [("iv_0x", "pw one"), ("pw_empty", "")])
def test_files_that_went_wrong_once(name, password):
    case = json.loads((TESTS / "wallet" / "cases" / f"{name}.json").read_text())
    assert key_address(decrypt_key(case, password)) == "0xAaD10ba4828cF51a3C24A717843C50D03b1dF7d7"


def put(*path, change):
    """A change of one value of a keystore."""

    def apply(keystore):
        *above, last = path
        part = keystore
        for name in above:
            part = part[name]
        part[last] = change(part.get(last))

    return apply


def rename(*path, to):
    def apply(keystore):
        *above, last = path
        part = keystore
        for name in above:
            part = part[name]
        part[to] = part.pop(last)

    return apply


def as_0x(text):
    return f"0x{text}"


PARAMS = ("Crypto", "kdfparams")


# All but the last three are what ethers 6 opens, which the official CLI uses.
@pytest.mark.parametrize(
    "spell",
    [
        put("Crypto", "cipherparams", "iv", change=as_0x),
        put(*PARAMS, "salt", change=as_0x),
        put("Crypto", "ciphertext", change=as_0x),
        put("Crypto", "ciphertext", change=str.upper),
        put("Crypto", "mac", change=str.upper),
        put(*PARAMS, "salt", change=str.upper),
        put(*PARAMS, "n", change=str),
        put(*PARAMS, "n", change=float),
        put(*PARAMS, "dklen", change=str),
        put("Crypto", "kdf", change=str.title),
        rename("Crypto", to="crypto"),
        rename("Crypto", to="CRYPTO"),
        rename("Crypto", "kdfparams", to="KdfParams"),
        rename("Crypto", "cipherparams", to="cipherParams"),
        rename(*PARAMS, "n", to="N"),
        rename("id", to="uuid"),
        rename("address", to="was"),
        put("address", change=lambda _: None),
        put("address", change=lambda _: ""),
        put("address", change=as_0x),
        put("address", change=str.upper),
        put("address", change=lambda text: f"0x{text.upper()}"),
        put("address", change=lambda text: f"0x{text[:20].upper()}{text[20:]}"),
        put("x-ethers", change=lambda _: {"version": "0.2", "client": "any"}),
        put("version", change=str),
        put("version", change=float),
        put("version", change=lambda _: "3.0"),
        put("Crypto", "mac", change=as_0x),
        put("Crypto", "cipherparams", "iv", change=lambda text: f"0X{text}"),
        put(*PARAMS, "dklen", change=lambda _: 64),
    ],
)
def test_spellings_that_open(spell):
    keystore = encrypt_key(KEY, "pw one", n=CHEAP)
    spell(keystore)
    assert decrypt_key(keystore, "pw one") == KEY
    with pytest.raises(WalletError, match="incorrect password"):
        decrypt_key(keystore, "pw two")


@pytest.mark.parametrize("keystore", [PBKDF2, SCRYPT], ids=["pbkdf2", "scrypt"])
def test_files_of_other_tools_are_read(keystore):
    assert decrypt_key(keystore, "testpassword") == KEY


@settings(max_examples=30)
@given(st.binary(min_size=31, max_size=31), st.text(min_size=1, max_size=30))
def test_what_is_written_is_read(tail, password):
    key = b"\x01" + tail
    keystore = json.loads(json.dumps(encrypt_key(key, password, n=CHEAP)))
    assert decrypt_key(keystore, password) == key
    with pytest.raises(WalletError, match="incorrect password"):
        decrypt_key(keystore, password + "!")


def test_a_password_may_be_typed_composed_or_decomposed():
    composed, decomposed = (unicodedata.normalize(form, "pässwörd ﬁ") for form in ("NFC", "NFKD"))
    assert composed != decomposed
    assert decrypt_key(encrypt_key(KEY, composed, n=CHEAP), decomposed) == KEY


def test_every_file_has_its_own_salt_iv_and_id():
    first, second = (encrypt_key(KEY, "pw", n=CHEAP) for _ in range(2))
    assert first["id"] != second["id"]
    assert first["Crypto"]["kdfparams"]["salt"] != second["Crypto"]["kdfparams"]["salt"]
    assert first["Crypto"]["cipherparams"] != second["Crypto"]["cipherparams"]


def changed(path, value):
    keystore = copy.deepcopy(encrypt_key(KEY, "pw", n=CHEAP))
    *parents, last = path.split(".")
    inner = keystore
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return keystore


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("version", 1, "Unsupported keystore"),
        ("version", "three", "Unsupported keystore: version three"),
        ("Crypto", None, "not a keystore file"),
        ("Crypto", [], "not a keystore file"),
        ("Crypto.cipher", "aes-256-gcm", "Unsupported keystore"),
        ("Crypto.ciphertext", "zz", "not a keystore file"),
        ("Crypto.kdf", "argon2", "Unsupported keystore: argon2"),
        ("Crypto.kdfparams.n", 1 << 40, "Unsupported keystore: scrypt"),
        ("Crypto.kdfparams.n", 3, "not a keystore file"),
        ("Crypto.kdfparams.dklen", 8, "not a keystore file"),
        ("Crypto.kdfparams.salt", None, "not a keystore file"),
        ("Crypto.mac", "00" * 32, "incorrect password"),
        ("address", "11" * 20, "mismatch"),
    ],
)
def test_a_damaged_or_hostile_file_is_refused_in_words(path, value, words):
    with pytest.raises(WalletError, match=words):
        decrypt_key(changed(path, value), "pw")


def test_a_file_may_not_ask_for_hours_of_pbkdf2():
    keystore = copy.deepcopy(PBKDF2)
    keystore["crypto"]["kdfparams"]["c"] = 10**12
    with pytest.raises(WalletError, match="pbkdf2"):
        decrypt_key(keystore, "pw")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["crypto", "Crypto", "version", "address", "id"]) | st.text(max_size=5), json_values
    )
)
def test_any_other_json_object_is_refused_in_words(value):
    with pytest.raises(WalletError):
        decrypt_key(value, "pw")


CHEAP_PBKDF2 = copy.deepcopy(PBKDF2)
CHEAP_PBKDF2["crypto"]["kdfparams"]["c"] = 2
FIXED = encrypt_key(KEY, "pw", n=CHEAP, salt=bytes(32), iv=bytes(16), identity=uuid.UUID(int=1))


@given(keystore=mutated(FIXED, CHEAP_PBKDF2))
def test_a_spoilt_keystore_gives_a_key_or_an_error(keystore):
    with contextlib.suppress(IexecError):
        assert len(decrypt_key(keystore, "pw")) == 32


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Crypto.kdfparams.p", 0),
        ("Crypto.kdfparams.r", -1),
        ("Crypto.kdfparams.n", -(2**60)),
        ("Crypto.kdfparams.n", 2**19),
        ("Crypto.kdfparams.n", 10**4400),
        ("address", 10**5000),
        ("version", 10**5000),
    ],
    ids=range(7),
)
def test_costs_and_numbers_that_nobody_has(path, value):
    extra = {"Crypto.kdfparams.n": ("Crypto.kdfparams.p", 16)}.get(path)
    keystore = changed(path, value)
    if extra:
        keystore["Crypto"]["kdfparams"]["p"] = extra[1]
    with pytest.raises(WalletError):
        decrypt_key(keystore, "pw")


def test_a_password_of_bytes_that_are_no_text_is_refused():
    # As a shell hands over what was typed in another encoding.
    with pytest.raises(WalletError, match="not valid Unicode text"):
        encrypt_key(KEY, "caf\udce9", n=CHEAP)
    with pytest.raises(WalletError, match="not valid Unicode text"):
        decrypt_key(encrypt_key(KEY, "pw", n=CHEAP), "caf\udce9")


def test_a_keystore_is_as_dear_to_guess_as_others():
    """131072 rounds, as in the official SDK, unless a test asks for fewer."""
    for options, rounds in (({}, 131072), ({"n": CHEAP}, CHEAP)):
        keystore = encrypt_key(KEY, "pw", **options)
        params = keystore["Crypto"]["kdfparams"]
        assert (params["n"], params["r"], params["p"], params["dklen"]) == (rounds, 8, 1, 32)
        assert decrypt_key(keystore, "pw") == KEY
