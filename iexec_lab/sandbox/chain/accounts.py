"""The keys of a sandbox: the well-known accounts of every local Ethereum node.

Mnemonic "test test test test test test test test test test test junk", path m/44'/60'/0'/0/i. Everybody
knows them: money sent to them on a real network is stolen within seconds. Never use them elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from iexec_lab.protocol.hashing import keccak
from iexec_lab.wallet.raw_transaction import encode
from iexec_lab.wallet.signer import LocalSigner

_WELL_KNOWN = """
0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266
  ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80
0x70997970C51812dc3A010C7d01b50e0d17dc79C8
  59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d
0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC
  5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a
0x90F79bf6EB2c4f870365E785982E1f101E93b906
  7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6
0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65
  47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a
0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc
  8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba
0x976EA74026E726554dB657fA54763abd0C3a0aa9
  92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e
0x14dC79964da2C08b23698B3D3cc7Ca32193d9955
  4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356
0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f
  dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97
0xa0Ee7A142d267C1f36714E4a8F75612F20a79720
  2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6
0xBcd4042DE499D14e55001CcbB24a551F3b954096
  f214f2b2cd398c806f84e317254e0f0b801d0643303237d97a22a48e01628897
0x71bE63f3384f5fb98995898A86B02Fb2426c5788
  701b615bbdfb9de65240bc28bd21bbc0d996645a3dd57e7b12bc2bdf6f192c82
"""


@dataclass(frozen=True)
class Account:
    """An externally owned account; ``key`` is its 32-byte private key and never shown."""

    address: str
    key: bytes = field(repr=False)

    @cached_property
    def signer(self) -> LocalSigner:
        """Signs digests, messages and typed data."""
        return LocalSigner(self.key)

    def sign_transaction(
        self, *, nonce: int, gas_price: int, gas: int, to: str | None, value: int, data: bytes, chain_id: int
    ) -> str:
        """A signed legacy transaction (EIP-155) as 0x text; ``to`` None creates a contract; wei."""
        target = bytes.fromhex(to[2:]) if to else b""
        fields: list[Any] = [nonce, gas_price, gas, target, value, data]
        signature = bytes.fromhex(self.signer.sign_digest(keccak(encode([*fields, chain_id, 0, 0])))[2:])
        r, s, v = (int.from_bytes(part) for part in (signature[:32], signature[32:64], signature[64:]))
        return "0x" + encode([*fields, v - 27 + 35 + 2 * chain_id, r, s]).hex()


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who is who on a sandbox chain.

    ``deployer`` owns the hub and the registries, ``faucet`` holds the coins that ``fund`` hands out,
    ``scheduler`` owns the default workerpool, ``workers`` contribute, ``users`` start with ether and with RLC
    in wallet and stake.
    """

    deployer: Account
    faucet: Account
    scheduler: Account
    workers: tuple[Account, ...]
    users: tuple[Account, ...]

    @property
    def owners(self) -> dict[str, Account]:
        """All of them by address: whose workerpools the sandbox can serve."""
        everyone = (self.deployer, self.faucet, self.scheduler, *self.workers, *self.users)
        return {account.address: account for account in everyone}


def well_known_accounts() -> Accounts:
    words = iter(_WELL_KNOWN.split())
    everyone = [Account(address, bytes.fromhex(key)) for address, key in zip(words, words, strict=True)]
    deployer, faucet, scheduler, *rest = everyone
    return Accounts(deployer, faucet, scheduler, workers=tuple(rest[:4]), users=tuple(rest[4:]))
