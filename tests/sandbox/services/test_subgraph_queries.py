"""Queries on an index of generated rows: every filter and order beside a plain Python one over all rows."""

from __future__ import annotations

import asyncio
import json
import operator
import sqlite3
import time
from contextlib import closing
from decimal import Decimal
from importlib.resources import files

import graphql
import pytest
from helpers.sandbox.index_rows import address, fill, word
from hypothesis import given, settings
from hypothesis import strategies as st

from iexec_lab.sandbox.services.subgraph.api import api, filters_of, kind_of, orders_of
from iexec_lab.sandbox.services.subgraph.app import Engine
from iexec_lab.sandbox.services.subgraph.model import model

TYPES = ["Deal", "Task", "Account", "Category", "Contribution", "App", "Reward", "AccountEvent"]
NUMBERS = {"BigInt": int, "BigDecimal": Decimal, "Int": int}
COMPARE = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
DEALS = 40


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    path = tmp_path_factory.mktemp("index") / "subgraph.sqlite"
    fill(path, DEALS, tasks=2, parties=6)
    made = Engine(None, path)
    yield made
    asyncio.run(made.close())


@pytest.fixture(scope="module")
def ask(engine):
    def ask(text, operation=None, **variables):
        body = {"query": text, "variables": variables, "operationName": operation}
        return json.loads(engine.run(json.dumps(body).encode()))

    return ask


@pytest.fixture(scope="module")
def rows(ask, engine):
    """Type -> all its rows with the fields that are kept, links as ids, also to what is not there."""
    found = {}
    for name in TYPES:
        entity = model().entities[name]
        fields = " ".join(
            f"{each.name} {{ id }}" if model().is_link(each) else each.name
            for each in entity.fields.values()
            if not each.derived
        )
        answer = ask(f"{{ {entity.plural}(first: 1000) {{ {fields} }} }}")
        found[name] = [flat(row) for row in answer["data"][entity.plural]]
    with closing(sqlite3.connect(engine._path)) as db:
        kept = {key: rest for key, *rest in db.execute("SELECT id, dataset, datasetorder FROM Deal")}
    for row in found["Deal"]:
        row["dataset"], row["datasetorder"] = kept[row["id"]]
    return found


def flat(row):
    def one(value):
        return value["id"] if isinstance(value, dict) else value

    return {
        name: [one(each) for each in value] if isinstance(value, list) else one(value)
        for name, value in row.items()
    }


def message(answer):
    assert set(answer) == {"errors"}
    return answer["errors"][0]["message"]


# -- filters --


def holds(each, suffix, value, wanted):
    """What a filter means, in Python."""
    kind, word = kind_of(each), suffix.removeprefix("_")
    if kind == "list":
        if word.endswith("_nocase"):
            value, wanted, word = [x.lower() for x in value], [x.lower() for x in wanted], word[:-7]
        inverse, word = word.startswith("not"), word.removeprefix("not").strip("_")
        return (set(wanted) <= set(value) if word else value == wanted) != inverse
    if wanted is None:
        return (value is None) != (word == "not")
    if value is None:
        return word == "not_in" and not wanted
    number = NUMBERS.get(each.kind)
    if number:
        value, wanted = (
            number(value),
            [number(x) for x in wanted] if "in" in word.split("_") else number(wanted),
        )
    if word in COMPARE:
        return COMPARE[word](value, wanted)
    if word.endswith("_nocase"):
        value, wanted, word = value.lower(), wanted.lower(), word[:-7]
    inverse, word = word.startswith("not"), word.removeprefix("not").strip("_")
    if each.kind == "Bytes" and word == "contains":
        found = bytes.fromhex(wanted[2:]) in bytes.fromhex(value[2:])
    else:
        found = {
            "": lambda: value == wanted,
            "in": lambda: value in wanted,
            "contains": lambda: wanted in value,
            "starts_with": lambda: value.startswith(wanted),
            "ends_with": lambda: value.endswith(wanted),
        }[word]()
    return found != inverse


def leaf(luck, rows, name):
    """A filter on one field, and the same as a Python predicate."""
    known = [
        each
        for each in filters_of(model().entities[name])
        if each[2] != "_" and any(row[each[1].name] is not None for row in rows[name])
    ]
    key, each, suffix = luck.choice(known)
    values = [row[each.name] for row in rows[name] if row[each.name] is not None]
    value = wanted = luck.choice(values)
    if kind_of(each) == "list":
        wanted = luck.choice([value, value[:1]])
    elif suffix.endswith("_in"):
        wanted = luck.choices(values, k=luck.randrange(5))
    elif any(part in suffix for part in ("contains", "starts_with", "ends_with")):
        start = luck.randrange(len(value))
        wanted = luck.choice([value[start : start + luck.randrange(7)], value[:start], value[start:]])
        if each.kind == "Bytes":
            wanted = value[: 2 + 2 * luck.randrange(5)]
        if "nocase" in suffix:
            wanted = wanted.swapcase()
    elif suffix in {"", "_not"}:
        wanted = luck.choice([value, value, None])
    elif each.kind in NUMBERS:
        number = NUMBERS[each.kind]
        wanted = str(number(value) + number(Decimal(luck.choice(["0", "1", "-1", "0.0000000005"]))))
    if each.kind == "Int" and wanted is not None:
        wanted = [int(x) for x in wanted] if isinstance(wanted, list) else int(wanted)
    return {key: wanted}, lambda row: holds(each, suffix, row[each.name], wanted)


def tree(luck, rows, name, depth=2):
    """Filters within ``and`` and ``or``."""
    kind = luck.choice(["leaf", "leaf", "and", "or"]) if depth else "leaf"
    if kind == "leaf":
        return leaf(luck, rows, name)
    parts = [tree(luck, rows, name, depth - 1) for _ in range(luck.randint(1, 3))]
    join = all if kind == "and" else any
    return {kind: [where for where, _ in parts]}, lambda row: join(test(row) for _, test in parts)


@settings(max_examples=200, deadline=None)
@given(luck=st.randoms(use_true_random=True), name=st.sampled_from(TYPES))
def test_a_filter_finds_what_a_plain_one_finds(ask, rows, luck, name):
    where, test = tree(luck, rows, name)
    plural = model().entities[name].plural
    answer = ask(
        f"query($where: {name}_filter) {{ {plural}(first: 1000, where: $where) {{ id }} }}", where=where
    )
    found = [row["id"] for row in answer["data"][plural]]
    assert found == [row["id"] for row in rows[name] if test(row)], where


def test_every_filter_of_every_type_is_answered(ask):
    """Whatever the schema offers, it can be asked for."""
    sample = {"Bytes": '"0x00"', "BigInt": "1", "BigDecimal": '"0.5"', "Int": "1"}
    for entity in model().entities.values():
        asked = []
        for key, each, suffix in filters_of(entity):
            value = sample.get(each.kind, '"x"')
            if each.kind in model().enums:
                value = model().enums[each.kind][0]
            if suffix == "_":
                value = '{id_gt: ""}'
            elif suffix.endswith("_in") or kind_of(each) == "list":
                value = f"[{value}]"
            asked.append(f"{key}: {entity.plural}(where: {{{key}: {value}}}) {{ id }}")
        assert len(ask("{" + " ".join(asked) + "}")["data"]) == len(asked)


def test_linked_rows_are_filtered(ask, rows):
    owned = {row["id"]: row for row in rows["App"]}
    account = rows["App"][0]["owner"]
    where = {"app_": {"owner": account, "or": [{"name": "app 0"}, {"name": "app 1"}]}}
    found = ask(
        "query($w: Deal_filter) { deals(first: 1000, where: $w) { id } }", w={"app_": {"owner": account}}
    )
    assert [row["id"] for row in found["data"]["deals"]] == [
        row["id"] for row in rows["Deal"] if owned[row["app"]]["owner"] == account
    ]
    assert "Cannot mix column filters with 'or'" in message(
        ask("query($w: Deal_filter) { deals(where: $w) { id } }", w=where)
    )
    busy = ask("{ deals(first: 1000, where: {tasks_: {status: FAILLED}}) { id } }")["data"]["deals"]
    failed = {row["deal"] for row in rows["Task"] if row["status"] == "FAILLED"}
    assert {row["id"] for row in busy} == failed
    nested = ask('{ deals(where: {tasks_: {requester_: {id: "x"}}}) { id } }')
    assert message(nested).startswith("Child filter nesting not supported by value")
    assert message(ask("{ deals(where: {timestamp_gt: null}) { id } }")) == (
        "Filter not supported by value `null`: `gt`"
    )


@pytest.mark.parametrize("text", ["1e999999999", "-1e999999999", "1e-999999999", "9" * 190])
def test_absurd_numbers_are_compared(ask, rows, text):
    found = ask("query($x: BigDecimal) { deals(first: 1000, where: {appPrice_lt: $x}) { id } }", x=text)
    expected = [row["id"] for row in rows["Deal"] if Decimal(row["appPrice"]) < Decimal(text)]
    assert [row["id"] for row in found["data"]["deals"]] == expected


def test_numbers_beyond_64_bits_are_exact(ask, rows):
    large = [row["id"] for row in rows["Deal"] if int(row["trust"]) > 2**63]
    assert large
    found = ask(f'{{ deals(first: 1000, where: {{trust: "{2**70}"}}) {{ id trust }} }}')["data"]["deals"]
    assert found == [{"id": each, "trust": str(2**70)} for each in large]
    ordered = ask("{ deals(first: 1000, orderBy: trust) { trust } }")["data"]["deals"]
    numbers = [int(row["trust"]) for row in ordered]
    assert numbers == sorted(numbers)


# -- order, pages, lists --


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_rows_are_ordered_and_paged(ask, rows, data):
    name = data.draw(st.sampled_from(TYPES))
    entity = model().entities[name]
    plain = [each for each in entity.columns if kind_of(each) != "enum"]
    each = data.draw(st.sampled_from(plain))
    backwards = data.draw(st.booleans())
    first, skip = data.draw(st.integers(1, 50)), data.draw(st.integers(0, 50))
    number = NUMBERS.get(each.kind, str)
    keyed = sorted(
        rows[name],
        key=lambda row: (
            row[each.name] is None,
            number() if row[each.name] is None else number(row[each.name]),
            row["id"],
        ),
        reverse=backwards,
    )
    answer = ask(
        f"{{ {entity.plural}(first: {first}, skip: {skip}, orderBy: {each.name}, "
        f"orderDirection: {'desc' if backwards else 'asc'}) {{ id }} }}"
    )
    assert [row["id"] for row in answer["data"][entity.plural]] == [
        row["id"] for row in keyed[skip : skip + first]
    ]


def test_every_order_of_every_type_is_answered(ask):
    for entity in model().entities.values():
        asked = {}
        for order in orders_of(entity):
            each = entity.fields[order.partition("__")[0]]
            asked[order] = not each.many and not each.derived
        queries = {
            order: f"a{i}: {entity.plural}(orderBy: {order}) {{ id }}" for i, order in enumerate(asked)
        }
        answer = ask("{" + " ".join(queries[order] for order, known in asked.items() if known) + "}")
        assert len(answer["data"]) == sum(asked.values())
        for order in [order for order, known in asked.items() if not known][:2]:
            told = message(ask(f"{{ {queries[order]} }}"))
            assert told == f"Ordering by `{order}` is not supported for type `{entity.name}`"


def test_states_are_ordered_as_the_schema_lists_them(ask):
    found = ask("{ tasks(first: 1000, orderBy: status) { status } }")["data"]["tasks"]
    states = model().enums["TaskStatus"]
    ranks = [states.index(row["status"]) for row in found]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) > 2


def test_lists_of_many_parents_have_pages_of_their_own(ask, rows):
    answer = ask(
        "{ apps { id usages(first: 3, skip: 1, orderBy: appPrice, orderDirection: desc, "
        "where: {botSize_gte: 1, dataset_not: null}) { id } } }"
    )
    for app in answer["data"]["apps"]:
        deals = [row for row in rows["Deal"] if row["app"] == app["id"]]
        deals.sort(key=lambda row: (Decimal(row["appPrice"]), row["id"]), reverse=True)
        assert [row["id"] for row in app["usages"]] == [row["id"] for row in deals[1:4]]


def test_one_parent_and_many_have_equal_lists(ask):
    selected = (
        "id events(first: 3, orderBy: timestamp, orderDirection: desc) { "
        "__typename id ... on Reward { value } } "
        "contributions(first: 2, skip: 1, orderBy: task__timestamp) { id status task { deal { id } } }"
    )
    many = ask(f"{{ accounts {{ {selected} }} }}")["data"]["accounts"]
    assert sum(len(row["events"]) + len(row["contributions"]) for row in many) > 10
    for row in many:
        one = ask(f'{{ account(id: "{row["id"]}") {{ {selected} }} }}')["data"]["account"]
        assert one == row


def test_a_nested_order_follows_the_link(ask, rows):
    times = {row["id"]: int(row["timestamp"]) for row in rows["Deal"]}
    found = ask("{ tasks(first: 1000, orderBy: deal__timestamp, orderDirection: desc) { deal { id } } }")
    ordered = [times[row["deal"]["id"]] for row in found["data"]["tasks"]]
    assert ordered == sorted(ordered, reverse=True)


# -- the language --


def test_fragments_aliases_directives_and_names(ask):
    text = """
      query Q($with: Boolean!, $none: Boolean = false) {
        again: deals(first: 1) { ...Deal }
        deals(first: 1) { id ... on Deal @include(if: $with) { price: appPrice app { name } app { id } }
          trust @skip(if: $with) tag @include(if: $none) }
        ressources(first: 2, orderBy: id) { __typename id ... on App { type } ... on Dataset { checksum } }
        __typename
      }
      fragment Deal on Deal { id kind: __typename ...More }
      fragment More on Deal { events { ... on DealEvent { id } ... on OrdersMatched { deal { id } } } }
    """
    data = ask(text, **{"with": True})["data"]
    deal = data["deals"][0]
    assert list(data) == ["again", "deals", "ressources", "__typename"]
    assert list(deal) == ["id", "price", "app"]
    assert set(deal["app"]) == {"name", "id"}
    assert data["again"][0]["kind"] == "Deal"
    assert data["again"][0]["events"][0]["deal"]["id"] == deal["id"]
    assert data["__typename"] == "Query"
    assert {row["__typename"] for row in data["ressources"]} <= {"App", "Dataset", "Workerpool"}
    assert set(ask(text, **{"with": False})["data"]["deals"][0]) == {"id", "trust"}


def test_an_operation_is_chosen_by_its_name(ask):
    text = "query A { deals(first: 1) { id } } query B { _meta { block { number } } }"
    assert ask(text, "B")["data"] == {"_meta": {"block": {"number": DEALS}}}
    assert message(ask(text)) == "Operation name required"
    assert message(ask(text, "C")) == "Operation name not found `C`"


def test_ids_may_be_declared_as_text(ask):
    deal = word("deal", 3)
    for kind in ("ID!", "String!", "Bytes!"):
        found = ask(
            f"query($d: {kind}) {{ deal(id: $d) {{ id }} deals(where: {{id: $d, tag_not: $d}}) {{ id }} }}",
            d=deal,
        )
        assert found["data"] == {"deal": {"id": deal}, "deals": [{"id": deal}]}
    told = message(ask("query($d: Int!) { deal(id: $d) { id } }", d=1))
    assert told == "Variable '$d' of type 'Int!' used in position expecting type 'ID!'."


def test_amounts_are_text_in_rlc(ask):
    found = ask("query($a: ID!) { account(id: $a) { balance score } }", a=address("account", 1))["data"][
        "account"
    ]
    assert found == {"balance": "5.000000001", "score": "3"}


REFUSED = {
    "": "The query is empty",
    "{ deals(first: 1001) { id } }": "The `first` argument must be between 0 and 1000, but is 1001",
    "{ deals(first: -1) { id } }": "The `first` argument must be between 0 and 1000, but is -1",
    "{ deals(skip: 5001) { id } }": "The `skip` argument must be between 0 and 5000, but is 5001",
    "{ deals(block: {number: 99}) { id } }": (
        "Failed to decode `block.number` value: `subgraph test has only indexed up to block number 40 and "
        "data for block number 99 is therefore not yet available`"
    ),
    "{ dealz { id } }": "Cannot query field 'dealz' on type 'Query'. Did you mean 'deal' or 'deals'?",
    "{ deals }": (
        "Field 'deals' of type '[Deal!]!' must have a selection of subfields. Did you mean 'deals { ... }'?"
    ),
    "{ deals { id }": "Syntax Error: Expected Name, found <EOF>.",
    "mutation { x }": None,
    '{ deals(where: {timestamp_gt: "soon"}) { id } }': None,
    "{ deals(where: {nothing: 1}) { id } }": None,
    "{ deal { id } }": None,
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.items())
def test_what_is_wrong_is_said(engine, text, expected):
    engine._deployment = "test"
    answer = json.loads(engine.run(json.dumps({"query": text}).encode()))
    assert expected is None or message(answer) == expected
    assert message(answer)
    assert "data" not in answer


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"query": 5}', b'{"query": "{a}", "variables": []}', b"\xff"]
)
def test_what_is_no_query_is_said(engine, body):
    assert message(json.loads(engine.run(body)))


def test_a_link_that_must_be_and_is_not_fails_the_query(tmp_path):
    path = tmp_path / "subgraph.sqlite"
    fill(path, 2)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM App WHERE id IN (SELECT app FROM Deal)")
    engine = Engine(None, path)
    run = lambda text: json.loads(engine.run(json.dumps({"query": text}).encode()))  # noqa: E731
    assert run("{\n  deals { id app { id } } }") == {
        "errors": [
            {
                "message": "Null value resolved for non-null field `app`",
                "locations": [{"line": 2, "column": 14}],
            }
        ]
    }
    assert run("{ transactions(first: 1) { to { id } } }")["data"] == {"transactions": [{"to": None}]}
    asyncio.run(engine.close())


# -- the schema --


def written(node):
    """A type as it is written; print_ast of some versions leaves ! out of what ends a line."""
    if isinstance(node, graphql.NonNullTypeNode):
        return f"{written(node.type)}!"
    return f"[{written(node.type)}]" if isinstance(node, graphql.ListTypeNode) else node.name.value


def test_the_schema_is_valid_and_is_that_of_the_file():
    text = graphql.print_schema(api())
    assert not graphql.validate_schema(graphql.build_schema(text))
    file = files("iexec_lab.sandbox.services.subgraph") / "schema.graphql"
    parsed = graphql.parse(file.read_text("utf-8"))
    for definition in parsed.definitions:
        if isinstance(definition, graphql.EnumTypeDefinitionNode):
            assert model().enums[definition.name.value] == tuple(one.name.value for one in definition.values)
            continue
        entity = model().entities[definition.name.value]
        shown = api().type_map[entity.name]
        assert {one.name.value: written(one.type) for one in definition.fields} == {
            name: str(one.type) for name, one in shown.fields.items()
        }
        assert [one.name.value for one in definition.interfaces or ()] == (
            [entity.interface] if entity.interface else []
        )


def test_tools_can_read_the_schema(ask):
    answer = ask(graphql.get_introspection_query(), "IntrospectionQuery")
    client = graphql.build_client_schema(answer["data"])
    assert graphql.print_schema(graphql.lexicographic_sort_schema(client)) == graphql.print_schema(
        graphql.lexicographic_sort_schema(api())
    )
    assert ask('{ __type(name: "Deal") { kind name } }')["data"]["__type"] == {
        "kind": "OBJECT",
        "name": "Deal",
    }


def test_plurals_are_those_of_the_graph():
    fields = set(api().query_type.fields)
    assert {"bulkSliceice", "categories", "taskConsensuses", "ordersMatcheds", "taskClaimeds"} <= fields
    assert {"protocol", "protocols", "accountEvents", "ressourceTransferEvents", "_meta"} <= fields


# -- hostile queries --

DEEP = "{ apps(first: 1000) " + "{ usages(first: 1000) { app " * 12 + "{ id }" + " } }" * 12 + " }"
HOSTILE = {
    "as wide as it is deep": DEEP,
    "deeper than anybody needs": "{ deals { app " + "{ owner { apps " * 20 + "{ id }" + " } }" * 20 + " } }",
    "brackets": "{ deals(where: " + "{and: [" * 3000 + "]}" * 3000 + ") { id } }",
    "selections": "{" * 100_000,
    "aliases": "{" + " ".join(f"a{i}: deals(first: 1000) {{ id }}" for i in range(6000)) + "}",
    "fragments that double": (
        "{ deals { ...F0 } } "
        + " ".join(
            f"fragment F{i} on Deal {{ a: app {{ usages {{ ...F{i + 1} }} }} "
            f"b: app {{ usages {{ ...F{i + 1} }} }} }}"
            for i in range(30)
        )
        + " fragment F30 on Deal { id }"
    ),
    "introspection": "{ __schema { types " + "{ fields { type " * 8 + "{ name }" + " } }" * 8 + " } }",
    "introspection, often": "{"
    + " ".join(
        f"a{i}: __schema {{ types {{ inputFields {{ type {{ inputFields {{ name }} }} }} }} }}"
        for i in range(200)
    )
    + "}",
    "a circle": "{ deals { ...A } } fragment A on Deal { ...B } fragment B on Deal { ...A }",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_queries_end_soon(engine, text):
    started = time.process_time()
    assert message(json.loads(engine.run(json.dumps({"query": text}).encode())))
    assert time.process_time() - started < 20


def test_hostile_variables_end_soon(engine):
    body = b'{"query": "query($w: Deal_filter) { deals(where: $w) { id } }", "variables": {"w": %b}}'
    nested = b'{"and": [' * 50_000 + b"]}" * 50_000
    assert message(json.loads(engine.run(body % nested)))
    wide = b'{"or": [%b]}' % b",".join([b'{"id": "x"}'] * 20_000)
    json.loads(engine.run(body % wide))
