from __future__ import annotations

import pytest

from iexec_lab.ethereum.refusals import Refusal, is_doubtful, refusal
from iexec_lab.ethereum.transport import RpcFault


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("nonce too low: next nonce 5, tx nonce 4", Refusal.NONCE_USED),
        ("OldNonce", Refusal.NONCE_USED),
        ("replacement transaction underpriced", Refusal.NONCE_TAKEN),
        ("transaction underpriced: tip needed 1, tip permitted 0", Refusal.FEE_TOO_LOW),
        ("max fee per gas less than block base fee", Refusal.FEE_TOO_LOW),
        ("already known", Refusal.KNOWN),
        ("AlreadyKnown", Refusal.KNOWN),
        ("insufficient funds for gas * price + value", Refusal.FUNDS),
        ("intrinsic gas too low", Refusal.INVALID),
        ("exceeds block gas limit", Refusal.INVALID),
        ("execution reverted: no", Refusal.INVALID),
    ],
)
def test_a_clear_no_is_one(words, kind):
    fault = RpcFault(-32000, words)
    assert refusal(fault) is kind
    assert not is_doubtful(fault)


@pytest.mark.parametrize(
    "fault",
    [
        RpcFault(0, "answered 502", lost=True, retry=True),
        RpcFault(0, "answered 429", retry=True),
        RpcFault(-32603, "Internal error"),
        RpcFault(-32000, "context deadline exceeded"),
        RpcFault(-32046, "Cannot fulfill request"),
        RpcFault(-32000, "nonce too low", lost=True),
        RpcFault(-32000, "insufficient funds", retry=True),
    ],
)
def test_all_else_leaves_doubt(fault):
    assert is_doubtful(fault)


@pytest.mark.parametrize(
    "fault",
    [RpcFault(0, "answered 403 Forbidden"), RpcFault(-32601, "no such method"), RpcFault(-32602, "bad")],
)
def test_what_was_not_carried_out_leaves_none(fault):
    assert refusal(fault) is Refusal.INVALID
    assert not is_doubtful(fault)
