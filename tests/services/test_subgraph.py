from __future__ import annotations

import pytest
from helpers.faulty_server import FaultyServer, drop, garbage, status
from helpers.mutated import mutated
from helpers.replay import recorder, vectors
from helpers.stranger import Stranger
from hypothesis import given

from iexec_lab.errors import ApiError, IexecError, SubgraphError
from iexec_lab.protocol import is_address
from iexec_lab.services.subgraph import PAGE, Subgraph, VoucherSubgraph

QUERY = "query ($where: Deal_filter!) { rows: deals(where: $where) { id } }"
APP = "0x1111111111111111111111111111111111111111"


def test_the_path_counts_and_a_key_is_not_told():
    with recorder(lambda _: {"data": {"x": 1}}) as server:
        subgraph = Subgraph(server.url + "/subgraphs/name/poco?api-key=hunter2")
        assert subgraph.query("{ x }", {"a": 1}, operation="ask") == {"x": 1}
        assert server.requests[0].path == "/subgraphs/name/poco?api-key=hunter2"
        assert server.requests[0].json() == {"query": "{ x }", "variables": {"a": 1}, "operationName": "ask"}
        server.always = status(500)
        with pytest.raises(SubgraphError) as caught:
            subgraph.query("{ x }")
    assert "hunter2" not in "".join(caught.value.lines())


def test_a_query_is_repeated_for_it_changes_nothing():
    with recorder(lambda _: {"data": {}}) as server:
        server.plan(drop)
        assert Subgraph(server.url).query("{ x }") == {}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            '{"errors": [{"message": "no field x"}, {"message": "nor y"}]}',
            "Subgraph error: no field x; nor y",
        ),
        ('{"errors": ["odd"], "data": null}', "Subgraph error: odd"),
        ("{}", "Subgraph error: the answer does not have the shape of the query"),
        ("[]", "Subgraph error: the answer does not have the shape of the query"),
        ('{"data": []}', "Subgraph error: the answer does not have the shape of the query"),
    ],
)
def test_what_is_no_data_is_an_error(body, words):
    with FaultyServer(always=garbage(body)) as server, pytest.raises(SubgraphError) as caught:
        Subgraph(server.url).query("{ x }")
    assert caught.value.message == words


def test_html_is_an_error():
    with FaultyServer(always=garbage("<html>", "text/html")) as server, pytest.raises(ApiError):
        Subgraph(server.url).query("{ x }")


def test_rows_come_page_after_page():
    rows = [{"id": f"{number:06d}"} for number in range(2 * PAGE + 5)]

    def answer(request):
        where = request.json()["variables"]["where"]
        return {"data": {"rows": [row for row in rows if row["id"] > where["id_gt"]][:PAGE]}}

    with recorder(answer) as server:
        assert list(Subgraph(server.url).rows(QUERY, {"app": APP})) == rows
    wheres = [request.json()["variables"]["where"] for request in server.requests]
    assert [where["id_gt"] for where in wheres] == ["", "000999", "001999"]
    assert wheres[0] == {"app": APP, "id_gt": ""}


def test_a_subgraph_that_repeats_a_page_does_not_hold_us():
    rows = [{"id": f"{number:06d}"} for number in range(PAGE)]
    with recorder(lambda _: {"data": {"rows": rows}}) as server:
        list(Subgraph(server.url).rows(QUERY, {}))
        assert len(server.requests) == 2


@pytest.mark.parametrize("rows", [None, {}, [1], [{}], [{"id": 1}]])
def test_rows_of_another_shape_are_an_error(rows):
    with recorder(lambda _: {"data": {"rows": rows}}) as server, pytest.raises(SubgraphError):
        list(Subgraph(server.url).rows(QUERY, {}))


def test_a_voucher_is_asked_as_by_the_official_sdk():
    [vector] = [v.values[0] for v in vectors("http-voucher-subgraph")]
    with recorder(lambda _: {"data": {"voucher": None}}) as server:
        assert VoucherSubgraph(server.url).voucher(vector["input"]["voucher"]) == vector["expected"]["result"]
    sent = server.requests[0].json()
    assert " ".join(sent["query"].split()) == vector["expected"]["query"]
    assert sent["variables"] == vector["expected"]["variables"]
    assert sent["operationName"] == "getVoucherInfo"


def test_what_a_voucher_pays_for():
    assets = [
        {"type": "App", "id": APP},
        {"type": "Workerpool", "id": "0x" + "33" * 20},
        {"type": "Else", "id": "0x" + "44" * 20},
    ]
    found = {"voucherType": {"eligibleAssets": assets}, "authorizedAccounts": [{"id": "0x" + "ab" * 20}]}
    with recorder(lambda _: {"data": {"voucher": found}}) as server:
        assert VoucherSubgraph(server.url).voucher(APP) == {
            "sponsoredApps": [APP],
            "sponsoredDatasets": [],
            "sponsoredWorkerpools": ["0x" + "33" * 20],
            "authorizedAccounts": ["0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"],
        }


@pytest.mark.parametrize(
    "voucher", [1, [1], {"voucherType": {"eligibleAssets": [{}]}}, {"authorizedAccounts": [1]}]
)
def test_a_voucher_of_another_shape_is_an_error(voucher):
    with recorder(lambda _: {"data": {"voucher": voucher}}) as server, pytest.raises(SubgraphError):
        VoucherSubgraph(server.url).voucher(APP)


VOUCHER = {
    "data": {
        "voucher": {
            "voucherType": {"eligibleAssets": [{"type": "App", "id": APP}, {"type": "Dataset", "id": APP}]},
            "authorizedAccounts": [{"id": "0x" + "ab" * 20}],
        }
    }
}
DEALS = {"data": {"rows": [{"id": "0x01", "botSize": "3", "app": {"id": APP}}, {"id": "0x02"}]}}
ERRORS = {"errors": [{"message": "no"}, "odd"], "data": None}


@pytest.fixture(scope="module")
def stranger():
    with Stranger() as server:
        yield server


@given(answer=mutated(VOUCHER, {"data": {"voucher": None}}, ERRORS))
def test_a_voucher_is_lists_of_addresses_or_our_error(answer, stranger):
    stranger.said = answer
    try:
        found = VoucherSubgraph(stranger.url).voucher(APP)
    except IexecError:
        return
    assert list(found) == ["sponsoredApps", "sponsoredDatasets", "sponsoredWorkerpools", "authorizedAccounts"]
    assert all(is_address(address) for addresses in found.values() for address in addresses)


@given(answer=mutated(DEALS, ERRORS))
def test_rows_have_ids_or_are_our_error(answer, stranger):
    stranger.said = answer
    try:
        rows = list(Subgraph(stranger.url).rows(QUERY, {}))
    except IexecError:
        return
    assert all(isinstance(row["id"], str) for row in rows)
