"""Whatever a trader changes on a page a program changes too, but for what docs/api.md leaves to the pages.

A page with a form of its own is one more row: the operation that does the same, or why there is none.
"""

import pytest

from tests.security.may_api import OPERATIONS
from tests.security.may_pages import PAGES

# The desk asks there who you are, or a person has to decide; docs/api.md has the list.
LEFT = "left to the pages"
# Fills in a form, and keeps nothing.
OF_A_FORM = "of a form"

DEEDS: dict[str, str] = {
    "accounts:account-first": "POST /accounts/",
    "accounts:account-create": "POST /accounts/",
    "accounts:account-edit": "PATCH /accounts/{id}/",
    "accounts:risk-edit": "PATCH /accounts/{id}/",
    "accounts:account-archive": "PATCH /accounts/{id}/",
    "accounts:account-unarchive": "PATCH /accounts/{id}/",
    "accounts:account-delete": LEFT,
    "accounts:cash-create": "POST /accounts/{account}/cash-movements/",
    "accounts:cash-edit": "PATCH /accounts/{account}/cash-movements/{id}/",
    "accounts:cash-delete": "DELETE /accounts/{account}/cash-movements/{id}/",
    "accounts:notifications-read": "POST /notifications/read/",
    "accounts:notification-settings": "PATCH /notifications/settings/",
    "accounts:notification-open": "POST /notifications/{id}/read/",
    "accounts:settings": LEFT,
    "accounts:user-delete": LEFT,
    "accounts:token-create": "POST /tokens/",
    "accounts:token-revoke": "DELETE /tokens/{id}/",
    "accounts:session-end": LEFT,
    "accounts:webhook-create": "POST /webhooks/",
    "accounts:webhook-edit": "PATCH /webhooks/{id}/",
    "accounts:webhook-on": "PATCH /webhooks/{id}/",
    "accounts:webhook-off": "PATCH /webhooks/{id}/",
    "accounts:webhook-rotate": "POST /webhooks/{id}/rotate/",
    "accounts:webhook-test": "POST /webhooks/{id}/test/",
    "accounts:webhook-delete": "DELETE /webhooks/{id}/",
    "accounts:webhook-replay": "POST /webhooks/{webhook_pk}/deliveries/{id}/replay/",
    "brokers:connection-create": "POST /connections/",
    "brokers:connection-edit": "PATCH /connections/{id}/",
    "brokers:connection-verify": "POST /connections/{id}/verify/",
    "brokers:connection-sync": "POST /connections/{id}/sync/",
    "brokers:connection-disable": "POST /connections/{id}/disable/",
    "brokers:connection-enable": "PATCH /connections/{id}/",
    "brokers:connection-reconnect": "PATCH /connections/{id}/",
    # A new account follows a connection by POST /accounts/.
    "brokers:connection-account": "PATCH /connections/{id}/",
    "brokers:connection-remove": "DELETE /connections/{id}/",
    "brokers:live-switch": LEFT,
    "brokers:live-off": "POST /connections/{id}/live-off/",
    "trades:plan-create": "POST /trades/",
    "trades:plan-size": "POST /position-size/",
    "trades:quick-entry": "POST /trades/",
    "trades:plan-edit": "PATCH /trades/{id}/",
    "trades:trade-pending": "PATCH /trades/{id}/",
    "trades:trade-planned": "PATCH /trades/{id}/",
    "trades:trade-cancel": "PATCH /trades/{id}/",
    "trades:trade-reopen": "PATCH /trades/{id}/",
    "trades:trade-delete": "DELETE /trades/{id}/",
    "trades:trade-journal": "PATCH /trades/{id}/",
    "trades:trade-bulk-tag": "POST /trades/tag/",
    "trades:stop-move": "POST /trades/{trade}/stop-moves/",
    "trades:fill-create": "POST /trades/{trade}/executions/",
    "trades:fill-costs": OF_A_FORM,
    "trades:fill-edit": "PATCH /trades/{trade}/executions/{id}/",
    "trades:fill-delete": "DELETE /trades/{trade}/executions/{id}/",
    "trades:order-create": "POST /orders/",
    "trades:order-preview": "POST /orders/preview/",
    "trades:order-cancel": "POST /orders/{id}/cancel/",
    "trades:order-cancel-all": "POST /orders/cancel-all/",
    "trades:order-replace": "PATCH /orders/{id}/",
    "trades:position-close-symbol": "POST /positions/close/",
    "trades:position-adopt": "POST /positions/adopt/",
    "trades:position-close": "POST /trades/{id}/close/",
    # With a quantity; what stays open is protected again.
    "trades:position-scale-out": "POST /trades/{id}/close/",
    "trades:position-stop": "POST /positions/stop/",
    "trades:position-trail": "POST /positions/trail/",
    "trades:positions-close-all": "POST /accounts/{id}/flatten/",
    "trades:account-halt": "POST /accounts/{id}/halt/",
    "trades:account-resume": "POST /accounts/{id}/resume/",
    "trades:halt": "POST /halt/",
    "trades:halt-resume": "POST /resume/",
    "trades:flatten": "POST /flatten/",
    "trades:filter-create": "POST /saved-filters/",
    "trades:filter-edit": "PATCH /saved-filters/{id}/",
    "trades:filter-delete": "DELETE /saved-filters/{id}/",
    "trades:screenshot-add": "POST /screenshots/",
    "trades:screenshot-delete": "DELETE /screenshots/{id}/",
    "trades:journal-day": "PATCH /journal-days/{id}/",
    "trades:journal-screenshot-add": "POST /screenshots/",
    "trades:setup-create": "POST /setups/",
    "trades:setup-edit": "PATCH /setups/{id}/",
    "trades:setup-delete": "DELETE /setups/{id}/",
    "trades:tag-create": "POST /tags/",
    "trades:tag-edit": "PATCH /tags/{id}/",
    "trades:tag-merge": "POST /tags/{id}/merge/",
    "trades:tag-delete": "DELETE /tags/{id}/",
    "trades:import-create": "POST /imports/",
    "trades:import-mapping": "POST /imports/{id}/mapping/",
    "trades:import-commit": "POST /imports/{id}/commit/",
    "trades:import-undo": "POST /imports/{id}/undo/",
    "trades:import-delete": "DELETE /imports/{id}/",
    "trades:bar-import": "POST /bar-series/",
    "trades:bar-delete": "DELETE /bar-series/{id}/",
    "trades:eyes-look": "POST /eyes/look/",
    "trades:eyes-order-ask": "POST /orders/{id}/ask/",
    "trades:eyes-cancel-again": "POST /orders/{id}/cancel/",
    "trades:eyes-never-arrived": "POST /orders/{id}/never-arrived/",
    "trades:eyes-sync": "POST /connections/{id}/sync/",
    "trades:eyes-connection-ask": "POST /connections/{id}/verify/",
}
ROOMS = {"accounts", "brokers", "trades"}
KNOWN = {f"{method} {path.removeprefix('/api/v1')}" for path, methods in OPERATIONS.items() for method in methods}


def test_every_page_that_changes_something_has_its_operation():
    changing = {name for name, (methods, _kind) in PAGES.items() if "POST" in methods and name.split(":")[0] in ROOMS}
    assert changing == set(DEEDS)


@pytest.mark.parametrize("name", sorted(DEEDS))
def test_the_operation_is_there(name):
    assert DEEDS[name] in KNOWN | {LEFT, OF_A_FORM}
