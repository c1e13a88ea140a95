"""What a terminal shows to a person."""

from __future__ import annotations

from iexec_lab.commands.readable import readable

NULL = "0x" + 40 * "0"
TAG = "0x" + 63 * "0" + "9"


def test_prices_times_and_tags_read_well():
    deal = {"app": {"price": "100000000", "pointer": NULL}, "startTime": "1795361061", "tag": TAG}
    assert readable(deal) == {
        "app": {"price": "0.1 RLC", "pointer": "none"},
        "startTime": "2026-11-22 15:24:21 UTC",
        "tag": "tee,tdx",
    }
    assert readable({"resultsTimestamp": "0", "tag": "0x" + 64 * "0"}) == {
        "resultsTimestamp": "none",
        "tag": "none",
    }


def test_what_is_no_number_or_known_key_stays():
    answer = {
        "stake": "many",
        "finalTime": "99999999999999999",
        "deadlineReached": False,
        "tag": ["tee"],
        "n": "1",
    }
    assert readable(answer) == answer


def test_restrictions_that_no_order_has_are_left_out():
    rows = [{"price": 5, "apprestrict": NULL, "datasetrestrict": NULL}, {"price": 6, "apprestrict": "0x1"}]
    assert readable(rows) == [
        {"price": "0.000000005 RLC", "apprestrict": "none"},
        {"price": "0.000000006 RLC", "apprestrict": "0x1"},
    ]
