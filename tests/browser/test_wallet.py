"""The wallet in the browser that shows the notebook: a made-up one, which signs with a key of the test's."""

from __future__ import annotations

import json

import pytest
from helpers.jupyterlab import open_notebook, output, run_cell
from playwright.sync_api import expect

from iexec_lab.ethereum.rpc import Rpc
from iexec_lab.protocol import hash_typed_data
from iexec_lab.wallet.signer import LocalSigner

pytestmark = pytest.mark.usefixtures("shot")

# What a wallet's extension puts into each page.
PROVIDER = """
const provider = { request: async ({ method, params }) => {
  const answer = JSON.parse(await window.testWallet(method, JSON.stringify(params ?? [])));
  if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
  return answer.result;
} };
const info = { uuid: "test", name: "Test", rdns: "test", icon: "data:," };
const detail = Object.freeze({ info, provider });
const announce = () => dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
addEventListener("eip6963:requestProvider", announce);
announce();
"""
SETUP = """
import os, tempfile
os.chdir(tempfile.mkdtemp())
%load_ext iexec_lab
lab = %iexec connect sandbox:{name} --browser-wallet
print(lab.session.wallet.address)
"""


class Wallet:
    """Its user says yes to everything, but for the methods in ``refused``."""

    def __init__(self, sandbox):
        self.signer, self.rpc = LocalSigner.generate(), Rpc(sandbox.urls["rpc"])
        self.asked, self.refused = [], set()
        sandbox.fund(self.signer.address, "10 RLC", "1 ether")

    def __call__(self, method, params):
        self.asked.append(method)
        if method in self.refused:
            return json.dumps({"error": {"code": 4001, "message": "User rejected the request."}})
        return json.dumps({"result": getattr(self, method)(*json.loads(params))})

    def eth_requestAccounts(self):  # noqa: N802
        return [self.signer.address.lower()]

    def eth_chainId(self):  # noqa: N802
        return hex(self.rpc.chain_id)

    def personal_sign(self, data, _address):
        return self.signer.sign_message(bytes.fromhex(data[2:]))

    def eth_signTypedData_v4(self, _address, text):  # noqa: N802
        data = json.loads(text)
        types = {name: members for name, members in data["types"].items() if name != "EIP712Domain"}
        return self.signer.sign_digest(hash_typed_data(data["domain"], types, data["message"]))

    def eth_sendTransaction(self, fields):  # noqa: N802
        numbers = {
            name: int(value, 16) for name, value in fields.items() if name not in {"from", "to", "data"}
        }
        ready = {
            "type": 2,
            "nonce": int(self.rpc.request("eth_getTransactionCount", fields["from"], "pending"), 16),
            "gas": 3_000_000,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 0,
            **fields,
            **numbers,
        }
        del ready["from"]
        return self.rpc.request("eth_sendRawTransaction", self.signer.sign_transaction(ready))


def open_wallet(page, sandbox):
    """The page gets a wallet."""
    made = Wallet(sandbox)
    page.context.expose_function("testWallet", made)
    page.context.add_init_script(PROVIDER)
    return made


def test_it_sends_signs_and_refuses(server, page, iexec_sandbox):
    wallet = open_wallet(page, iexec_sandbox)
    name = server.write(
        "wallet.ipynb",
        SETUP.format(name=iexec_sandbox.name),
        """app = lab.app.deploy(name=os.getcwd(), multiaddr="hello:1", checksum="0x" + 64 * "0")""",
        "print(lab.app.publish(app))",
        "lab.account.deposit('1 RLC')",
        "print('still here')",
    )
    open_notebook(page, server, name)
    run_cell(page, 0)
    expect(output(page, 0)).to_contain_text(wallet.signer.address)
    assert set(wallet.asked) == {"eth_requestAccounts"}
    run_cell(page, 1)
    assert wallet.asked.count("eth_sendTransaction") == 1
    run_cell(page, 2)
    expect(output(page, 2)).to_contain_text("0x")
    assert wallet.asked.count("eth_signTypedData_v4") == 2  # the order, and the way into the market
    wallet.refused.add("eth_sendTransaction")
    run_cell(page, 3)
    expect(output(page, 3)).to_contain_text("User rejected the request.")
    expect(output(page, 3)).to_contain_text("nothing was signed or sent")
    run_cell(page, 4)
    expect(output(page, 4)).to_contain_text("still here")


def test_two_pages_send_once(server, page, iexec_sandbox):
    wallet = open_wallet(page, iexec_sandbox)
    deposit = "lab.account.deposit('1 RLC')"
    name = server.write("twice.ipynb", SETUP.format(name=iexec_sandbox.name), deposit)
    open_notebook(page, server, name)
    run_cell(page, 0)
    second = page.context.new_page()
    open_notebook(second, server, name)
    before = wallet.asked.count("eth_sendTransaction")
    run_cell(page, 1)
    expect(output(page, 1)).to_contain_text("1.0 RLC")
    assert wallet.asked.count("eth_sendTransaction") - before == 1


def test_a_browser_without_a_wallet(server, page, iexec_sandbox):
    name = server.write("none.ipynb", SETUP.format(name=iexec_sandbox.name))
    open_notebook(page, server, name)
    run_cell(page, 0)
    expect(output(page, 0)).to_contain_text("This browser has no wallet")
    assert "Traceback" not in output(page, 0).inner_text()


def test_a_form_connects_with_it(server, page, iexec_sandbox):
    wallet = open_wallet(page, iexec_sandbox)
    name = server.write("form.ipynb", "%load_ext iexec_lab\n%iexec form connect")
    open_notebook(page, server, name)
    run_cell(page, 0)
    area = output(page, 0)
    area.get_by_role("combobox", name="Network").select_option("another …")
    typed = area.get_by_role("textbox", name="Name of the network")
    typed.fill(f"sandbox:{iexec_sandbox.name}")
    area.get_by_role("combobox", name="Wallet").select_option("the one in this browser")
    area.get_by_role("button", name="Connect").click()
    expect(area).to_contain_text(wallet.signer.address)
    assert set(wallet.asked) == {"eth_requestAccounts"}
