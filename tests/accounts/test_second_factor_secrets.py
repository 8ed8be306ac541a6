"""A copy of the database signs nobody in: the secrets of second factors are encrypted with the desk's key."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

from accounts.adapter import SecondFactorAdapter
from accounts.models import User
from accounts.sealing import FactorSealed

NEW_KEY = "n" * 50


def test_the_authenticators_secret_is_not_in_the_database(alice: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(alice, secret)
    RecoveryCodes.activate(alice)
    kept = "".join(str(data) for data in Authenticator.objects.values_list("data", flat=True))
    assert secret not in kept
    assert SecondFactorAdapter().decrypt(Authenticator.objects.get(type="totp").data["secret"]) == secret


def test_a_new_key_still_opens_what_the_old_one_sealed(settings) -> None:
    sealed = SecondFactorAdapter().encrypt("JBSWY3DPEHPK3PXP")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = NEW_KEY
    assert SecondFactorAdapter().decrypt(sealed) == "JBSWY3DPEHPK3PXP"


def test_without_the_old_key_nothing_opens(settings) -> None:
    sealed = SecondFactorAdapter().encrypt("JBSWY3DPEHPK3PXP")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, []
    with pytest.raises(FactorSealed):
        SecondFactorAdapter().decrypt(sealed)
