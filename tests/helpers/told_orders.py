"""Orders as the market tells them."""

from __future__ import annotations

ORDER = {
    "workerpool": "0xe59A2CB1C85f00d0F908853b76038B5CaD8bcC5e",
    "workerpoolprice": 1,
    "volume": 40,
    "tag": "0x" + "0" * 64,
    "category": 0,
    "trust": 5,
    "apprestrict": "0x" + "0" * 40,
    "datasetrestrict": "0x" + "0" * 40,
    "requesterrestrict": "0x" + "0" * 40,
    "sign": "0x" + "ab" * 65,
}


def told_order(number: int, price: int, **changes):
    """A workerpool order: its number makes its hash; ``price`` in nRLC."""
    name = f"0x{number + 1:064x}"
    return {
        "order": {**ORDER, "workerpoolprice": price, "salt": name, **changes},
        "orderHash": name,
        "chainId": 65535,
        "remaining": 40,
        "status": "open",
        "publicationTimestamp": "2026-11-26T09:08:04.000Z",
        "signer": "0x1d62ce00055e1cC38e50017181F2522b1E38cD11",
    }
