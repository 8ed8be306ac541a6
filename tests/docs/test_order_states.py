"""The page about orders says what the tables say."""

import re

from tools.order_states_page import PAGE, with_table
from trenddojo.domain import order_risk


def test_the_table_of_states_is_the_one_that_decides() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page), "Run python -m tools.order_states_page."


def test_every_code_of_the_gate_is_explained() -> None:
    (told,) = re.findall(r"Codes: (.*?)\. A limit", order_risk.check_order.__doc__ or "", re.DOTALL)
    gate = PAGE.read_text(encoding="utf-8").split("## The gate")[1].split("## While")[0]
    assert set(re.findall(r"\w+", told)) <= set(re.findall(r"`(\w+)`", gate))
