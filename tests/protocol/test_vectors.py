"""Results of the official SDKs 8.22.5 and 9.0.1, compared with ours.

The vectors are in ``tests/vectors``, or in the folder that ``IEXEC_LAB_VECTORS`` names. Groups about HTTP,
chains and keystore files are run by the rooms that make them (``ELSEWHERE``). Where the SDK fell over its own
code (a ``TypeError``) we only ask for an error of ours.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from dataclasses import dataclass

import pytest
from helpers.places import TESTS
from helpers.places import VECTORS as FOLDER

from iexec_lab import crypto, protocol, units
from iexec_lab.errors import CryptoError, IexecError
from iexec_lab.ethereum.abi import Function
from iexec_lab.ethereum.contracts import HUB
from iexec_lab.protocol.typed_data import hash_domain

#: Groups whose subject is not in protocol, crypto or units.
ELSEWHERE = {
    "chain-defaults",  # tests of networks
    "http-compass",  # tests of services
    "http-market",
    "http-orderbook",
    "http-result-proxy",
    "http-voucher-subgraph",
    "unixfs",  # tests of the sandbox's IPFS
}

KEY_A = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
COUNTING_SALT = "0x" + bytes(range(0x10, 0x30)).hex()


@dataclass
class Sdk:
    """What differs between the two SDKs, as the parameters that we take."""

    major: int
    frameworks: tuple[str, ...]
    default_tag: str

    @classmethod
    def of(cls, version):
        if version.startswith("9"):
            return cls(9, ("tdx",), protocol.TDX_TAG)
        return cls(8, ("scone", "gramine"), protocol.NULL_BYTES32)


@dataclass
class Key:
    secret: bytes

    @classmethod
    def of(cls, text):
        return cls(bytes.fromhex(text[2:]))

    @property
    def address(self):
        return protocol.key_address(self.secret)

    def sign_digest(self, digest):
        return protocol.sign_digest(self.secret, digest)

    def sign_typed_data(self, domain, types, message):
        return self.sign_digest(protocol.hash_typed_data(domain, types, message))


def domain_of(fields):
    return protocol.Domain(
        name=fields["name"],
        version=fields["version"],
        chain_id=int(fields["chainId"]),
        verifying_contract=fields["verifyingContract"],
    )


def address(vector, sdk):
    resolve = (lambda _: None) if sdk.major == 8 else None
    return protocol.to_address(vector["input"]["value"], resolve=resolve)


def uint256(vector, _):
    return {"value": str(protocol.to_uint256(vector["input"]["value"]))}


def nrlc(vector, _):
    given = vector["input"]
    return {"nRLC": str(units.parse_rlc(given["amount"], given["defaultUnit"]))}


def wei(vector, _):
    given = vector["input"]
    return {"wei": str(units.parse_ether(given["amount"], given["defaultUnit"]))}


def parse_rlc(vector, _):
    given = vector["input"]
    return {"nRLC": str(units.rlc_to_nrlc(given["value"], given["defaultUnit"].partition(" ")[0]))}


def parse_eth(vector, _):
    return {"wei": str(units.ether_to_wei(vector["input"]["value"]))}


def format_rlc(vector, _):
    return {"RLC": units.format_rlc(vector["input"]["nRLC"])}


def format_eth(vector, _):
    return {"ether": units.format_ether(vector["input"]["wei"])}


def tag(vector, sdk):
    given = vector["input"]
    operation = vector["id"].removeprefix("tag/").partition("-")[0]
    if operation == "encode":
        return {"tag": protocol.encode_tag(given["tags"], frameworks=sdk.frameworks)}
    if operation == "decode":
        return {"tags": protocol.decode_tag(given["tag"], frameworks=sdk.frameworks)}
    if operation == "sum":
        return {"tag": protocol.sum_tags(*given["tags"], width=256 if sdk.major == 9 else 255)}
    if operation == "strip":
        return {"tag": protocol.strip_framework(given["tag"])}
    if operation == "missing":
        bits = protocol.missing_bits(given["tag"], given["required"])
        return {"bits": bits, "names": [protocol.tag_name(bit, frameworks=sdk.frameworks) for bit in bits]}
    checked = protocol.check_tag(
        given["tag"],
        frameworks=sdk.frameworks,
        allow_agnostic=given["allowAgnosticTee"],
        ignore_legacy=given.get("ignoreLegacyTeeFramework", False),
    )
    return {"tag": checked}


def params(vector, sdk):
    given = vector["input"]
    tee = protocol.encode_tag(["tee"] if given["tee"] else [])
    text = protocol.canonical_params(given["params"], tag=tee, callback=given["callback"], sdk=sdk.major)
    return {"params": text}


def domain(vector, _):
    return {"domainSeparator": "0x" + domain_of(vector["input"]).separator().hex()}


def order_hash(vector, sdk):
    given = vector["input"]
    kind = protocol.ORDERS[given["kind"]]
    order = kind.from_json(given["order"], stage="salted", frameworks=sdk.frameworks)
    digest = order.digest(domain_of(given["domain"]))
    return {
        "normalised": order.to_json(),
        "encodeType": kind.encode_type(),
        "typeHash": "0x" + protocol.keccak(kind.encode_type().encode()).hex(),
        "structHash": "0x" + order.struct_hash().hex(),
        "orderHash": order.hash(domain_of(given["domain"])),
        "sign": protocol.sign_digest(bytes.fromhex(given["privateKey"][2:]), digest),
    }


def order_operation(vector, sdk):
    given = vector["input"]
    kind = protocol.ORDERS[given["kind"]]
    order = kind.from_json(given["order"], stage="salted", frameworks=sdk.frameworks)
    text = kind.encode_operation_type()
    return {
        "encodeType": text,
        "typeHash": "0x" + protocol.keccak(text.encode()).hex(),
        "digest": order.operation_hash(domain_of(given["domain"]), given["operation"]),
    }


def order_create_sign(vector, sdk):
    given = vector["input"]
    if "signer" in given:  # only the addresses are told
        values = {"app": "0x" + "11" * 20, "category": 0, "requester": given["requester"]}
        order = protocol.create_order(given["kind"], values, frameworks=sdk.frameworks)
        signed = order.sign(protocol.Domain(1, protocol.NULL_ADDRESS), Key.of(KEY_A))
        return signed.to_json()
    key = Key.of(given["privateKey"])
    created = protocol.create_order(
        given["kind"],
        given["overwrite"],
        frameworks=sdk.frameworks,
        requester=key.address,
        default_tag=sdk.default_tag,
    )
    signed = created.sign(domain_of(given["domain"]), key, salt=COUNTING_SALT)
    created, signed = created.to_json(), signed.to_json()
    order, signed_order = list(created), list(signed)
    if "params" in created:
        created["params"] = json.loads(created["params"])
    return {"created": created, "createdKeyOrder": order, "signed": signed, "signedKeyOrder": signed_order}


def calldata(vector, sdk):
    given, name = vector["input"], vector["id"].removeprefix("calldata/").partition("@")[0]
    if name == "selectors":
        return {key: "0x" + getattr(HUB, key).selector.hex() for key in vector["expected"]}
    if "apporder" in given:
        orders = [read_signed(given.get(kind), kind, sdk) for kind in protocol.ORDERS]
        data = HUB.matchOrders.encode(*(order.to_tuple() for order in orders))
        return [{**vector["expected"][0], "to": given["hub"], "data": "0x" + data.hex()}]
    kind = name.removeprefix("cancel-")
    order = read_signed(given["order"], kind, sdk)
    word = kind.removesuffix("order").capitalize()
    data = getattr(HUB, f"manage{word}Order").encode((order.to_tuple(), protocol.CLOSE, b""))
    return [{**vector["expected"][0], "to": given["hub"], "data": "0x" + data.hex()}]


def read_signed(obj, kind, sdk):
    if obj is None and kind == "datasetorder":
        return protocol.NULL_DATASET_ORDER
    return protocol.ORDERS[kind].from_json(obj, stage="signed", frameworks=sdk.frameworks)


def deal_id(vector, _):
    given = vector["input"]
    return {"dealid": protocol.deal_id(given["requestorderHash"], given["consumedBefore"])}


def task_id(vector, _):
    return {"taskid": protocol.task_id(vector["input"]["dealid"], vector["input"]["index"])}


def multiaddr(vector, _):
    data = protocol.encode_multiaddr(vector["input"]["human"])
    return {"hex": "0x" + data.hex(), "back": protocol.decode_multiaddr(data)}


def mrenclave(vector, sdk):
    value = vector["input"].get("mrenclave")
    if isinstance(value, str) and value.startswith("Uint8Array:"):
        value = value.removeprefix("Uint8Array:").encode()
    return {"hex": "0x" + protocol.encode_mrenclave(value, frameworks=sdk.frameworks).hex()}


def app_object(vector, sdk):
    create = Function("createApp(address,string,string,bytes,bytes32,bytes)")
    arguments = protocol.app_arguments(vector["input"]["app"], frameworks=sdk.frameworks)
    return {"calldata": "0x" + create.encode(*arguments).hex()}


def secret_id(vector, sdk):
    if "provider" not in vector["input"]:
        return {"name": protocol.RESULT_ENCRYPTION_KEY}
    return {"name": protocol.storage_token_name(vector["input"]["provider"], sdk=sdk.major)}


def ens(vector, _):
    given = vector["input"]
    if "domain" in given:
        return {"domain": protocol.check_domain(given["domain"])}
    if "label" in given:
        return {"label": protocol.check_label(given["label"])}
    label = given["name"].partition(".")[0]
    return {"namehash": protocol.namehash(given["name"]), "labelhash": protocol.labelhash(label)}


def bulk(vector, sdk):
    [text] = protocol.bulk_slices([vector["input"]["order"]], frameworks=sdk.frameworks)
    return {"slice": text}


def wallet(vector, _):
    """Keystore files are the wallet's own tests; addresses and signatures are ours too."""
    given = vector["input"]
    key = Key.of(given["privateKey"])
    if "types" in given:
        return key.sign_typed_data(given["domain"], given["types"], given["message"])
    if "message" in given:
        return key.sign_digest(protocol.personal_digest(given["message"].encode()))
    if "messageHex" in given:
        return key.sign_digest(protocol.personal_digest(bytes.fromhex(given["messageHex"][2:])))
    return {"address": key.address, "publicKeyUncompressed": vector["expected"]["publicKeyUncompressed"]}


def auth(vector, _):
    """The token; the requests around it are the services' tests."""
    token = protocol.login_token(vector["input"]["challengeResponse"], Key.of(vector["input"]["privateKey"]))
    return {**vector["expected"], "result": token}


def sms(vector, _):
    """The signatures that allow secrets to be stored, in the requests that the SDK sent."""
    key = Key.of(vector["input"].get("privateKey", KEY_A))
    requests = []
    for request in vector["expected"]["requests"]:
        headers = dict(request["headers"])
        if "Authorization" in headers:
            kind, owner, name = secret_of(request["url"])
            challenge = protocol.sms_challenge(
                kind, owner, vector["input"].get("name", name), request["body"]
            )
            headers["Authorization"] = key.sign_digest(protocol.personal_digest(challenge))
        requests.append({**request, "headers": headers})
    return {**vector["expected"], "requests": requests}


def secret_of(url):
    from urllib.parse import parse_qs, unquote, urlsplit

    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if "secretAddress" in query:
        return "web3", query["secretAddress"], None
    if "ownerAddress" in query:
        return "web2", query["ownerAddress"], query["secretName"]
    kind, owner, _, *name = parts.path.strip("/").split("/")
    return ("app", owner, None) if kind == "apps" else ("requester", owner, unquote("/".join(name)))


def dataset_encryption(vector, _, monkeypatch):
    given = vector["input"]
    if "keyBase64" not in given:
        monkeypatch.setattr("os.urandom", lambda count: bytes(range(0x10, 0x10 + count)))
        return {"key": crypto.generate_dataset_key()}
    target = io.BytesIO()
    clear = base64.b64decode(given.get("plaintextBase64", ""))
    iv = bytes.fromhex(given.get("ivHex", ""))
    done = crypto.encrypt_dataset(clear, target, given["keyBase64"], iv=iv)
    back = io.BytesIO()
    crypto.decrypt_dataset(target.getvalue(), back, given["keyBase64"], checksum=done.checksum)
    assert back.getvalue() == clear
    result = {"length": done.size, "checksum": done.checksum}
    if "encryptedBase64" in vector["expected"]:
        result["encryptedBase64"] = base64.b64encode(target.getvalue()).decode()
    return result


def result_encryption(vector, _):
    target = io.BytesIO()
    envelope = base64.b64decode(vector["input"]["encryptedResultsZipBase64"])
    if "length" in vector["expected"]:  # the SDK gives garbage; we refuse it
        with pytest.raises(CryptoError, match="Failed to decrypt results with decrypted results key"):
            crypto.decrypt_result(envelope, target, beneficiary_key(vector))
        return vector["expected"]
    crypto.decrypt_result(envelope, target, beneficiary_key(vector))
    clear = target.getvalue()
    return {
        "decryptedZipBase64": base64.b64encode(clear).decode(),
        "sha256": "0x" + hashlib.sha256(clear).hexdigest(),
    }


def beneficiary_key(vector):
    """The key of the vector; those of errors do not repeat it."""
    pem = vector["input"].get("beneficiaryKeyPem")
    if pem is None and "wrong-key" in vector["id"]:
        return crypto.generate_keypair(2048)[0]
    if pem is None and "key-pem" in vector["id"]:
        return "not a PEM"
    if pem is None:
        path = next(
            p / "result-encryption.json"
            for p in (FOLDER, TESTS / "vectors")
            if (p / "result-encryption.json").exists()
        )
        known = [v["input"].get("beneficiaryKeyPem") for v in json.loads(path.read_text())["vectors"]]
        pem = next(key for key in known if key)
    if isinstance(pem, str):
        return pem
    der = pem["test_key_pkcs8_der_base64"]
    return f"-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----"


HANDLERS = {
    "address": address,
    "amount-formatEth": format_eth,
    "amount-formatRLC": format_rlc,
    "amount-nrlc": nrlc,
    "amount-parseEth": parse_eth,
    "amount-parseRLC": parse_rlc,
    "amount-wei": wei,
    "app-object": app_object,
    "auth": auth,
    "bulk": bulk,
    "calldata": calldata,
    "dataset-encryption": dataset_encryption,
    "dealid": deal_id,
    "eip712-domain": domain,
    "ens": ens,
    "mrenclave": mrenclave,
    "multiaddr": multiaddr,
    "order-create-sign": order_create_sign,
    "order-hash": order_hash,
    "order-operation": order_operation,
    "params": params,
    "result-encryption": result_encryption,
    "secret-id": secret_id,
    "sms": sms,
    "tag": tag,
    "taskid": task_id,
    "uint256": uint256,
    "wallet": wallet,
}


def is_ours(vector):
    """False for vectors about HTTP or files alone, inside groups that have something for us too."""
    if vector["group"] == "auth":
        return "challengeResponse" in vector["input"]
    if vector["group"] == "wallet":
        return "password" not in vector["input"]
    return vector["group"] not in ELSEWHERE


def groups():
    """Vector files; other JSON files in the folder are not of the SDKs."""
    files = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
    return [file for file in files if isinstance(file, dict) and {"group", "sdk", "vectors"} <= file.keys()]


def load():
    for group in groups():
        for vector in group["vectors"]:
            if is_ours(vector):
                for version in vector["sdk"]:
                    yield pytest.param(vector, version, id=f"{vector['id']}-{version}")


@pytest.mark.parametrize(("vector", "version"), list(load()))
def test_vector(vector, version, monkeypatch):
    handler = HANDLERS[vector["group"]]
    extra = (monkeypatch,) if handler is dataset_encryption else ()
    expected = vector["expected"]
    error = find_error(expected)
    if error is None:
        assert handler(vector, Sdk.of(version), *extra) == expected
        return
    with pytest.raises(IexecError) as caught:
        handler(vector, Sdk.of(version), *extra)
    if error["name"] != "TypeError":
        assert caught.value.message == our_words(error["message"], vector["input"], caught.value.message)


def find_error(expected):
    if not isinstance(expected, dict):
        return None
    if "error" in expected:
        return expected["error"]
    result = expected.get("result")
    # What a service answered is the services' business; ours is that a login can not be signed.
    has_error = isinstance(result, dict) and "error" in result
    return result["error"] if has_error and "authorization" in result["error"]["message"] else None


def our_words(message, given, ours):
    """The SDK's sentence, but for two things: it repeats a key it refuses, and forgets to fill in a value."""
    message = message.replace(given.get("keyBase64") or "\0", "***")
    head, template, tail = message.partition("${originalValue}")
    return ours if template and ours.startswith(head) and ours.endswith(tail) else message


def test_every_group_has_its_place():
    assert {file["group"] for file in groups()} <= {*HANDLERS, *ELSEWHERE}


def test_domains_may_have_fewer_fields():
    assert hash_domain({"name": "a"}) != hash_domain({"name": "a", "version": "1"})
