"""Generated examples may take their time on a busy machine, and leave nothing behind."""

from hypothesis import settings

settings.register_profile("domain", deadline=None, database=None, print_blob=True)
settings.load_profile("domain")
