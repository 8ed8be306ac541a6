from django.db import migrations

# The events' own foreign key lets the database delete what a trigger wrote while its user was deleted.
TABLE = """
CREATE SEQUENCE events_numbers;
ALTER TABLE events ALTER COLUMN at SET DEFAULT clock_timestamp();
ALTER TABLE events ADD CONSTRAINT events_user FOREIGN KEY (user_id) REFERENCES users (id)
    ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
"""
NO_TABLE = """
ALTER TABLE events DROP CONSTRAINT events_user;
ALTER TABLE events ALTER COLUMN at DROP DEFAULT;
DROP SEQUENCE events_numbers;
"""

NOTIFICATIONS = """
CREATE FUNCTION notification_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (user_id, subject, action, object_id, detail)
    SELECT user_id, 'notification', 'created', id::text,
        jsonb_build_object('kind', kind, 'title', title, 'is_read', read_at IS NOT NULL)
    FROM new_rows WHERE in_app;
    RETURN NULL;
END $$;
CREATE FUNCTION notification_read_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (user_id, subject, action, object_id, detail)
    SELECT n.user_id, 'notification', 'changed', n.id::text,
        jsonb_build_object('kind', n.kind, 'title', n.title, 'is_read', n.read_at IS NOT NULL)
    FROM new_rows n JOIN old_rows o USING (id)
    WHERE n.in_app AND n.read_at IS DISTINCT FROM o.read_at;
    RETURN NULL;
END $$;
CREATE TRIGGER notification_events AFTER INSERT ON notifications
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION notification_events();
CREATE TRIGGER notification_read_events AFTER UPDATE ON notifications
    REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows FOR EACH STATEMENT
    EXECUTE FUNCTION notification_read_events();
"""
NO_NOTIFICATIONS = """
DROP TRIGGER notification_events ON notifications;
DROP TRIGGER notification_read_events ON notifications;
DROP FUNCTION notification_events();
DROP FUNCTION notification_read_events();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_api")]

    operations = [
        migrations.RunSQL(TABLE, NO_TABLE),
        migrations.RunSQL(NOTIFICATIONS, NO_NOTIFICATIONS),
    ]
