"""Random inputs through both official SDKs and through us: the same answers, and the same refusals.

Each SDK gets the whole list in one process. ``IEXEC_LAB_SEED`` makes other inputs than the usual ones.
"""

from __future__ import annotations

import json
import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers.official.peer import VERSIONS, Peer, new_key

from iexec_lab import protocol, units
from iexec_lab.errors import IexecError
from iexec_lab.wallet.signer import LocalSigner

SEED = os.environ.get("IEXEC_LAB_SEED", "iexec-lab")
COUNT = 100
FRAMEWORKS = {"9.0.1": ("tdx",), "8.22.5": ("scone", "gramine")}
DEFAULT_TAG = {"9.0.1": protocol.TDX_TAG, "8.22.5": protocol.NULL_BYTES32}

ANSWERS = """
const validator = await import('../node_modules/iexec/dist/esm/common/utils/validator.js');
const { utils } = iexec;
const signers = keys.map((key) => lab(key));
const Noun = (kind) => kind[0].toUpperCase() + kind.slice(1);
const work = {
  rlc: ([amount]) => validator.nRlcAmountSchema().validate(amount),
  wei: ([amount, defaultUnit]) => validator.weiAmountSchema({ defaultUnit }).validate(amount),
  parseRLC: ([text]) => String(utils.parseRLC(text)),
  parseEth: ([text]) => String(utils.parseEth(text)),
  formatRLC: ([text]) => utils.formatRLC(text),
  formatEth: ([text]) => utils.formatEth(text),
  encode: ([names]) => utils.encodeTag(names),
  decode: ([tag]) => utils.decodeTag(tag),
  sum: ([tags]) => utils.sumTags(tags),
  check: ([tag, allowAgnosticTee]) => validator.tagSchema({ allowAgnosticTee }).validate(tag),
  create: async ([kind, values, signer]) => {
    const { params, ...order } = await signers[signer].order[`create${Noun(kind)}`](values);
    return params === undefined ? order : { params: JSON.stringify(params), ...order };
  },
  sign: async ([kind, values, signer]) => {
    const { order } = signers[signer];
    const signed = await order[`sign${Noun(kind)}`](await order[`create${Noun(kind)}`](values), noCheck);
    return [signed, await order[`hash${Noun(kind)}`](signed)];
  },
};
const owner = new Wallet(keys[0]).address;
const name = `random ${owner}`;
const checksum = '0x' + '00'.repeat(32);
const { address: app } =
  await signers[0].app.deployApp({ owner, name, type: 'DOCKER', multiaddr: 'x:1', checksum });
const { address: dataset } =
  await signers[0].dataset.deployDataset({ owner, name, multiaddr: 'x', checksum });
const { address: workerpool } = await signers[0].workerpool.deployWorkerpool({ owner, description: name });
const own = { apporder: { app }, datasetorder: { dataset }, workerpoolorder: { workerpool } };
const answers = [];
for (const [kind, ...given] of inputs) {
  if (kind === 'sign') given[1] = { ...given[1], ...own[given[0]] };
  try {
    answers.push({ value: await work[kind](given) });
  } catch (error) {
    answers.push({ error: error.message });
  }
}
return { answers, own };
"""


class Inputs:
    """Inputs of every kind, most of them near the edge between right and wrong."""

    def __init__(self, seed: str) -> None:
        self.rng = random.Random(seed)

    def number(self) -> str:
        digits = "".join(self.rng.choices("0123456789", k=self.rng.choice([0, 1, 2, 9, 10, 19, 30])))
        point = self.rng.choice(["", "", ".", ".0", ".5", ".000000001", ".0000000001", ".000"])
        return self.rng.choice(["", "", "", "", "-", "+", "0x", "0", "00", " ", "1e"]) + digits + point

    def amount(self, unit_names):
        # What follows the unit is refused by us, and overlooked by the SDK: see tests/test_units.py.
        unit = self.rng.choice(["", "", *unit_names, "rlc", "ETH", " RLC"])
        text = self.number() + (f" {unit}" if unit else "")
        return self.rng.choice([text, text, text, [self.number()], [self.number(), unit or None]])

    def address(self) -> str:
        text = "0x" + self.rng.randbytes(20).hex()
        return self.rng.choice([text, text, text.upper().replace("0X", "0x"), text[2:]])

    def tag_names(self):
        return self.rng.sample(
            ["tee", "scone", "gramine", "tdx", "gpu", "", "foo", "TEE"], self.rng.randint(0, 3)
        )

    def tag(self):
        bits = self.rng.choice([0, 1, 3, 5, 9, 8, 7, 0x101, 0x103, 0x109, 0x100, self.rng.getrandbits(9)])
        good = f"0x{bits:064x}"
        return self.rng.choice([good, good, self.tag_names(), ",".join(self.tag_names()), good[:-2]])

    def word(self) -> str:
        bits = self.rng.choice([self.rng.getrandbits(4), self.rng.getrandbits(9), self.rng.getrandbits(254)])
        return f"0x{bits:064x}"

    def params(self):
        keys = {
            "iexec_args": ["", "a b", 'é \u2028 \\ "', 5, True, None, ["a"], {"a": 1}],
            "iexec_input_files": [
                [],
                ["https://a/b", "http://c"],
                "https://a,https://b",
                "ftp://x",
                ["https://a", 3],
                "",
            ],
            "iexec_result_encryption": [True, False, "true", "false", "yes", 1, 0],
            "iexec_result_storage_provider": ["ipfs", "dropbox", "google", "", 4],
            "iexec_result_storage_proxy": ["https://proxy", "nothing"],
            "iexec_secrets": [{"1": "a"}, {"2": "b", "1": "a"}, {"0": "x"}, {"one": "x"}, {"1": 5}, {}, "x"],
            "bulk_cid": ["QmW2WQi7j6c7UgJTarActp7tDNikE4B2qXtFCfLPdsgaTQ", "nope", ""],
            "other": ["x"],
        }
        chosen = self.rng.sample(list(keys), self.rng.randint(0, 4))
        found = {key: self.rng.choice(keys[key]) for key in chosen}
        return self.rng.choice([found, found, found, json.dumps(found), "plain words", ""])

    def order(self, kind, *, wrong: float):
        """Values of an order, each of them wrong with this probability, or at least odd."""
        usual = {
            "address": lambda: "0x" + self.rng.randbytes(20).hex(),
            "amount": lambda: self.rng.choice([str(self.rng.getrandbits(60)), "1.5 RLC", [7, "nRLC"], 3]),
            "uint256": lambda: str(self.rng.getrandbits(self.rng.choice([1, 8, 53, 120]))),
            "tag": lambda: self.rng.choice([[], ["gpu"], "0x" + "00" * 32]),
            "params": lambda: {"iexec_args": 'é ∞ " \\'[: self.rng.randint(0, 7)]},
        }
        odd = {
            "address": self.address,
            "amount": lambda: self.amount(["nRLC", "RLC"]),
            "uint256": self.number,
            "tag": self.tag,
            "params": self.params,
        }
        values = {}
        for name, type_name in protocol.ORDERS[kind].layout.items():
            if self.rng.random() < 0.6 or name in {"app", "category", kind.removesuffix("order")}:
                values[name] = (odd if self.rng.random() < wrong else usual)[type_name]()
        return values

    def all(self):
        """(kind, arguments ...) in the form of the script."""
        rng = self.rng
        ether = list(units.ETHER_UNITS)
        for _ in range(COUNT):
            yield "rlc", self.amount(["nRLC", "RLC"])
            yield "wei", self.amount(ether), rng.choice(["wei", "gwei", "ether"])
            for name, texts in (("parseRLC", ["nRLC", "RLC"]), ("parseEth", ether)):
                amount = self.amount(texts)
                yield name, amount if isinstance(amount, str) else amount[0]
            # No digits at all are 0 for one of the SDK's two functions.
            number = self.number().strip("-") or "0"
            yield rng.choice(["formatRLC", "formatEth"]), rng.choice([f"-{rng.getrandbits(90)}", number])
            yield "encode", self.tag_names()
            yield "decode", self.word()
            yield "sum", [self.word() for _ in range(rng.randint(1, 4))]
            yield "check", self.tag(), rng.random() < 0.5
            kind = rng.choice(list(protocol.ORDERS))
            yield "create", kind, self.order(kind, wrong=0.2), rng.randrange(3)
        for _ in range(COUNT // 10):
            for kind in protocol.ORDERS:
                signer = rng.randrange(3) if kind == "requestorder" else 0
                values = self.order(kind, wrong=0)
                values.pop("requester", None)
                yield "sign", kind, values, signer


class Ours:
    """The same questions to our functions."""

    def __init__(self, version, domain, keys) -> None:
        self.frameworks, self.default_tag = FRAMEWORKS[version], DEFAULT_TAG[version]
        self.domain = domain
        self.signers = [LocalSigner(key) for key in keys]
        self.width = 256 if version.startswith("9") else 255

    def answer(self, kind, *given):
        try:
            return {"value": getattr(self, kind)(*given)}
        except IexecError as error:
            return {"error": error.message}

    def rlc(self, amount):
        return str(units.parse_rlc(amount))

    def wei(self, amount, unit):
        return str(units.parse_ether(amount, unit))

    def parseRLC(self, text):  # noqa: N802 -- the SDK's name
        return str(units.rlc_to_nrlc(text))

    def parseEth(self, text):  # noqa: N802
        return str(units.ether_to_wei(text))

    def formatRLC(self, text):  # noqa: N802
        return units.format_rlc(text)

    def formatEth(self, text):  # noqa: N802
        return units.format_ether(text)

    def encode(self, names):
        return protocol.encode_tag(names, frameworks=self.frameworks)

    def decode(self, tag):
        return protocol.decode_tag(tag, frameworks=self.frameworks)

    def sum(self, tags):
        return protocol.sum_tags(*tags, width=self.width)

    def check(self, tag, agnostic):
        return protocol.check_tag(tag, frameworks=self.frameworks, allow_agnostic=agnostic)

    def create(self, kind, values, signer):
        order = protocol.create_order(
            kind,
            values,
            frameworks=self.frameworks,
            requester=self.signers[signer].address,
            default_tag=self.default_tag,
        )
        return order.to_json()

    def sign(self, kind, values, signer, salt):
        order = protocol.ORDERS[kind].from_json(self.create(kind, values, signer), frameworks=self.frameworks)
        signed = order.sign(self.domain, self.signers[signer], salt=salt)
        return [signed.to_json(), signed.hash(self.domain)]


@pytest.fixture(scope="module")
def compared(iexec_sandbox):
    """version -> [(input, their answer, ours)]."""
    domain = protocol.Domain(chain_id=iexec_sandbox.chain_id, verifying_contract=iexec_sandbox.hub)

    def run(version):
        keys = [new_key(iexec_sandbox) for _ in range(3)]
        inputs = list(Inputs(SEED).all())
        done = Peer(version, iexec_sandbox)(ANSWERS, keys=keys, inputs=inputs)
        ours = Ours(version, domain, keys)
        rows = []
        for given, theirs in zip(inputs, done["answers"], strict=True):
            if given[0] == "sign":
                values = given[2] | done["own"].get(given[1], {})
                salt = theirs["value"][0]["salt"]
                rows.append((given, theirs, ours.answer("sign", given[1], values, given[3], salt)))
            else:
                rows.append((given, theirs, ours.answer(*given)))
        return rows

    with ThreadPoolExecutor() as pool:
        return dict(zip(VERSIONS, pool.map(run, VERSIONS), strict=True))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "kind",
    ["rlc", "wei", "parseRLC", "parseEth", "formatRLC", "formatEth", "encode", "decode", "sum", "check"],
)
def test_amounts_and_tags_are_read_alike(compared, version, kind):
    rows = [row for row in compared[version] if row[0][0] == kind]
    assert rows
    assert [row for row in rows if row[1] != row[2]] == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", list(protocol.ORDERS))
def test_orders_are_created_and_signed_alike(compared, version, kind):
    rows = [row for row in compared[version] if row[0][0] in {"create", "sign"} and row[0][1] == kind]
    assert any("value" in row[1] for row in rows if row[0][0] == "create")
    assert any("error" in row[1] for row in rows)
    assert [row for row in rows if row[1] != row[2]] == []
