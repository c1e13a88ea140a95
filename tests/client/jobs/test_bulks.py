"""Which datasets the tasks of a deal had; the gateway is played."""

from __future__ import annotations

import json
from io import BytesIO
from types import SimpleNamespace

import pytest

from iexec_lab.client.jobs.bulks import read_bulk, task_rows
from iexec_lab.errors import IpfsError, ValidationError
from iexec_lab.ipfs.unixfs import cid_of
from iexec_lab.protocol import DATASET_INFINITE_VOLUME, NULL_ADDRESS, DatasetOrder, to_address
from iexec_lab.protocol.bulk import bulk_cid

A, B, C = (to_address("0x" + word * 20) for word in ("12", "34", "56"))


class Gateway:
    """Content by CID; ``asked`` counts what was read."""

    def __init__(self):
        self.held, self.asked, self.broken = {}, [], False

    def put(self, value):
        text = value if isinstance(value, bytes) else json.dumps(value).encode()
        cid = str(cid_of(BytesIO(text)))
        self.held[cid] = text
        return cid

    def download(self, location, target, *, max_bytes):
        self.asked.append(location)
        cid = location.removeprefix("/ipfs/")
        if self.broken or cid not in self.held:
            raise IpfsError("gone")
        assert len(self.held[cid]) <= max_bytes
        target.write(self.held[cid])

    def bulk(self, *slices):
        cids = [
            self.put(
                [
                    DatasetOrder(
                        dataset=dataset, volume=DATASET_INFINITE_VOLUME, salt="0x" + "00" * 32, signature="0x"
                    ).to_json()
                    for dataset in datasets
                ]
            )
            for datasets in slices
        ]
        return self.put(cids)


@pytest.fixture
def session():
    return SimpleNamespace(
        ipfs=Gateway(),
        bulks_seen={},
        network=SimpleNamespace(ipfs_gateway="http://gateway"),
        each=lambda work, items: [work(item) for item in items],
    )


def deal(params="{}", dataset=NULL_ADDRESS):
    return SimpleNamespace(
        deal_id="deal", deal=SimpleNamespace(params=params, dataset=SimpleNamespace(pointer=dataset))
    )


def tasks(*indices):
    return [
        SimpleNamespace(deal_id="deal", index=index, to_json=lambda index=index: {"idx": str(index)})
        for index in indices
    ]


def datasets(session, held, *indices):
    return [row["datasets"] for row in task_rows(session, [held], tasks(*indices))]


def test_a_deal_without_a_bulk_asks_nobody(session):
    assert datasets(session, deal(), 0, 1) == [None, None]
    assert datasets(session, deal("not JSON"), 0) == [None]
    assert datasets(session, deal('{"bulk_cid": "Qm"}', dataset=A), 0, 1) == [[A], [A]]
    assert session.ipfs.asked == []


def test_each_task_has_the_slice_of_its_index_and_it_is_read_once(session):
    held = deal(json.dumps({"bulk_cid": session.ipfs.bulk([A, B], [C], [])}))
    assert datasets(session, held, 1, 2, 3) == [[C], [], []]
    before = len(session.ipfs.asked)
    assert datasets(session, held, 1, 2, 3) == [[C], [], []]
    assert len(session.ipfs.asked) == before
    assert datasets(session, held, 0) == [[A, B]]


def test_what_cannot_be_read_is_unknown_and_asked_for_again(session):
    held = deal(json.dumps({"bulk_cid": session.ipfs.bulk([A])}))
    session.ipfs.broken = True
    assert datasets(session, held, 0) == [None]
    session.ipfs.broken = False
    assert datasets(session, held, 0) == [[A]]


@pytest.mark.parametrize("part", ["root", "slice"])
def test_other_content_than_was_asked_for_is_not_believed(session, part):
    cid = session.ipfs.bulk([A])
    [inner] = json.loads(session.ipfs.held[cid])
    session.ipfs.held[cid if part == "root" else inner] = session.ipfs.held[session.ipfs.bulk([B])]
    assert datasets(session, deal(json.dumps({"bulk_cid": cid})), 0) == [None]
    with pytest.raises(IpfsError, match="served other content"):
        read_bulk(session, cid)


@pytest.mark.parametrize("root", [b"{", b"{}", b"[1]", b"[]", b"null"])
def test_what_is_not_a_bulk_is_told(session, root):
    cid = session.ipfs.put(root)
    with pytest.raises(ValidationError, match="bulk"):
        read_bulk(session, cid)
    assert datasets(session, deal(json.dumps({"bulk_cid": cid})), 0) in ([None], [[]])


def test_a_bulk_is_read_whole(session):
    made = read_bulk(session, session.ipfs.bulk([A, B], [C]))
    assert [[order.dataset for order in orders] for orders in made.slices] == [[A, B], [C]]


@pytest.mark.parametrize(
    ("params", "cid"),
    [
        ('{"bulk_cid":"Qm"}', "Qm"),
        ('{"bulk_cid":1}', None),
        ('{"bulk_cid":""}', None),
        ("[]", None),
        ("", None),
    ],
)
def test_the_cid_is_in_the_parameters(params, cid):
    assert bulk_cid(params) == cid
