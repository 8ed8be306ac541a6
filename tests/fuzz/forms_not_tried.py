"""Addresses that answer a POST and get none from a form, each with its reason."""

NOT_FORMS = {
    "account_confirm_login_code": "Nobody signs in by a code out of a mail here.",
}
# Patterns of names.
ADMIN_SHOWS = {
    "admin:index": "It lists.",
    "admin:app_list": "It lists.",
    "admin:*_history": "It lists.",
    "admin:autocomplete": "It answers what is searched for.",
    "admin:jsi18n": "It is a script.",
    "admin:view_on_site": "It leads to a page.",
    "admin:login": "It leads to the site's own sign-in.",
    "admin:password_change": "It leads to the site's own page.",
    "admin:password_change_done": "It only says so.",
}
