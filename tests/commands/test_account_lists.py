"""What a terminal shows of a statement, of orders and of a search."""

from __future__ import annotations

from iexec_lab.units import format_rlc


def test_a_statement(iexec):
    shown = iexec("account show")["balance"]
    raw = iexec("account history")
    assert raw["balance"] == {name: shown[name] for name in ("stake", "locked")}
    assert raw["movements"][-1]["stake"] == shown["stake"]
    out, err = iexec.text("account history --limit 1")
    assert f"{format_rlc(int(shown['stake']))} RLC staked" in out
    assert "cause" in out
    if raw["count"] > 1:
        assert "balance before" in out
        assert f"--limit {raw['count']} shows all" in err
    assert iexec.fails("account history --cause luck") == "luck is not a cause of movements"


def test_orders(iexec):
    raw = iexec("order list")
    assert raw["count"] == len(raw["orders"])
    out, err = iexec.text("order list --all --kind workerpool --limit 2")
    assert "workerpool" in out
    assert "more; --limit" in err
    assert "iexec-lab order list --status any" in err
    assert "has the status lost" in iexec.fails("order list --status lost")


def test_search(iexec):
    out, _ = iexec.text(f"search '{iexec.user[:20]}  {iexec.user[20:]}'")
    assert f"iexec-lab account history {iexec.user}" in out
    assert iexec(f"search {iexec.user.upper()}")["found"][0]["id"] == iexec.user
    out, err = iexec.text("search no such thing anywhere")
    assert out.strip() in {"", "✔"}
    assert "Nothing found. no such thing anywhere was looked for as" in err
