"""How signing in is set up, apart from trenddojo.settings, which reads the environment: rules, forms and limits."""

PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "accounts.passwords.KnownPasswordValidator"},
    {"NAME": "accounts.passwords.ContextWordsValidator"},
    {"NAME": "accounts.passwords.GivenPasswordValidator"},
]
ACCOUNT_FORMS = {
    "login": "accounts.forms.sign_in.SignInForm",
    "signup": "accounts.forms.sign_in.SignUpForm",
    "reset_password": "accounts.forms.sign_in.PasswordResetForm",
    "reauthenticate": "accounts.forms.sign_in.PasswordAgainForm",
    "add_email": "accounts.forms.sign_in.EmailForm",
    "change_password": "accounts.forms.sign_in.PasswordChangeForm",
}
FACTOR_FORMS = {
    "authenticate": "accounts.forms.factors.CodeForm",
    "reauthenticate": "accounts.forms.factors.CodeAgainForm",
    "add_webauthn": "accounts.forms.factors.PasskeyAddForm",
    "authenticate_webauthn": "accounts.forms.factors.PasskeyForm",
    "login_webauthn": "accounts.forms.factors.PasskeyAloneForm",
    "reauthenticate_webauthn": "accounts.forms.factors.PasskeyAgainForm",
}
RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,5/m/key",
    "reset_password_from_key": "20/m/ip",
    "change_password": "5/m/user",
    "manage_email": "10/m/user",
    "reauthenticate": "10/m/user",
    "confirm_email": "1/3m/key",
    # Ours: keys tried at a broker, sets of codes made, and passwords tried at the live switch.
    "broker_keys": "10/m/user",
    "recovery_codes": "5/m/user",
    "live_switch": "5/m/user",
}
