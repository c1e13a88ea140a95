"""A market seen by a wallet, as most tests of the client begin."""

from __future__ import annotations

from dataclasses import replace

from iexec_lab.client.iexec import connect
from iexec_lab.ethereum.rpc import Rpc

IMAGE = "iexechub/python-hello-world:8.0.4"


CHECKSUM = "0x" + "b0" * 32


def network_of(handle, **changes):
    return replace(handle, **changes).network


def open_lab(handle, signer, folder, **options):
    return connect(network_of(handle), signer, project=folder, **options)


def fund(handle, address, *, nrlc=0, wei=0):
    Rpc(handle.urls["rpc"]).request("sandbox_fund", address, hex(nrlc), hex(wei))


def forward(handle, seconds):
    Rpc(handle.urls["rpc"]).request("sandbox_forward", seconds)
