"""Django's admin behind the desk's own door; apart from the desk's own app, of which there is one a module."""

from django.contrib.admin.apps import AdminConfig


class DeskAdminConfig(AdminConfig):
    default_site = "trenddojo.admin_site.DeskAdminSite"
