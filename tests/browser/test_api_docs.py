"""The API's docs in a real browser: the desk's own files under its own policy, and requests tried out."""

import pytest
from playwright.sync_api import Page, expect

from tests.api.kit import token_for
from tests.factories import make_tag


@pytest.fixture
def docs(page: Page, live_server) -> Page:
    page.goto(f"{live_server.url}/api/v1/docs/")
    page.locator(".opblock-tag-section").first.wait_for()
    return page


def opened(docs: Page, operation: str) -> Page:
    """One operation, unfolded."""
    tag = operation.partition("_")[0]
    docs.locator(f"#operations-tag-{tag}").click()
    block = docs.locator(f"#operations-{tag}-{operation}")
    block.locator(".opblock-summary-control").click()
    return block


def test_a_stranger_reads_every_resource_in_the_contracts_order(transactional_db, docs):
    tags = docs.locator(".opblock-tag").evaluate_all("found => found.map(one => one.dataset.tag)")
    assert tags[:6] == ["accounts", "halt", "connections", "position-size", "trades", "orders"]
    expect(docs.locator(".opblock-tag", has_text="Halting one is the kill switch")).to_be_visible()


def test_a_request_is_tried_out_with_a_token(transactional_db, alice, docs):
    make_tag(alice, "Calm")
    docs.get_by_role("button", name="Authorize").first.click()
    window = docs.locator(".dialog-ux")
    bearer = window.locator(".auth-container", has_text="http, Bearer")
    bearer.locator("input").fill(token_for(alice))
    bearer.get_by_role("button", name="Apply credentials").click()
    window.get_by_role("button", name="Close").first.click()
    block = opened(docs, "tags_list")
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table")
    expect(answer.locator("tbody .response-col_status").first).to_contain_text("200")
    expect(answer).to_contain_text('"name": "Calm"')
    assert docs.evaluate("JSON.stringify(localStorage)").find("td_") == -1


def test_a_signed_in_browser_tries_a_change_without_a_token(transactional_db, alice, page, live_server, sign_in):
    sign_in(page, alice)
    page.goto(f"{live_server.url}/api/v1/docs/")
    page.locator(".opblock-tag-section").first.wait_for()
    block = opened(page, "tags_create")
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("201")
    assert list(alice.tags.values_list("name", flat=True)) == ["Chased the entry"]


def test_the_docs_fit_a_phone_and_the_dark(transactional_db, docs):
    docs.set_viewport_size({"width": 390, "height": 800})
    docs.emulate_media(color_scheme="dark")
    opened(docs, "tags_create")
    assert docs.evaluate("document.documentElement.scrollWidth") <= 390
    red, green, blue = docs.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3).map(Number)"
    )
    assert red + green + blue < 150
