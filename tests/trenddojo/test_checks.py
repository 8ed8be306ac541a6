"""Deployment checks of the spine."""

import pytest
from django.core.checks import run_checks


@pytest.mark.parametrize(("to_loopback", "ids"), [(False, []), (True, ["trenddojo.E003"])])
def test_webhooks_into_this_machine_are_refused_in_production(settings, to_loopback, ids):
    settings.WEBHOOKS_TO_LOOPBACK = to_loopback
    found = [str(message.id) for message in run_checks(include_deployment_checks=True)]
    assert [one for one in found if one == "trenddojo.E003"] == ids
