from django.db import migrations

# Every write that a reader could see raises the version. Above so many rows in one statement, as an import makes them,
# one event for each account says that its trades are to be read anew.
MANY = 200


def _table_events(name: str, table: str, detail: str) -> str:
    return f"""
CREATE FUNCTION {name}_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM (SELECT 1 FROM new_rows LIMIT {MANY + 1}) AS found) > {MANY} THEN
        INSERT INTO events (user_id, subject, action, detail)
        SELECT owner_id, '{name}', 'created', jsonb_build_object('account', account_id, 'count', count(*))
        FROM new_rows GROUP BY owner_id, account_id;
        RETURN NULL;
    END IF;
    INSERT INTO events (user_id, subject, action, object_id, detail)
    SELECT n.owner_id, '{name}', 'created', n.id::text, {detail} FROM new_rows n;
    RETURN NULL;
END $$;
CREATE FUNCTION {name}_change_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM (SELECT 1 FROM new_rows LIMIT {MANY + 1}) AS found) > {MANY} THEN
        INSERT INTO events (user_id, subject, action, detail)
        SELECT owner_id, '{name}', 'changed', jsonb_build_object('account', account_id, 'count', count(*))
        FROM new_rows GROUP BY owner_id, account_id;
        RETURN NULL;
    END IF;
    INSERT INTO events (user_id, subject, action, object_id, detail)
    SELECT n.owner_id, '{name}', 'changed', n.id::text, {detail}
    FROM new_rows n JOIN old_rows o USING (id) WHERE n.version IS DISTINCT FROM o.version;
    RETURN NULL;
END $$;
CREATE FUNCTION {name}_end_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM (SELECT 1 FROM old_rows LIMIT {MANY + 1}) AS found) > {MANY} THEN
        INSERT INTO events (user_id, subject, action, detail)
        SELECT owner_id, '{name}', 'deleted', jsonb_build_object('account', account_id, 'count', count(*))
        FROM old_rows GROUP BY owner_id, account_id;
        RETURN NULL;
    END IF;
    INSERT INTO events (user_id, subject, action, object_id, detail)
    SELECT n.owner_id, '{name}', 'deleted', n.id::text, {detail} FROM old_rows n;
    RETURN NULL;
END $$;
CREATE TRIGGER {name}_events AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {name}_events();
CREATE TRIGGER {name}_change_events AFTER UPDATE ON {table}
    REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows FOR EACH STATEMENT
    EXECUTE FUNCTION {name}_change_events();
CREATE TRIGGER {name}_end_events AFTER DELETE ON {table}
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION {name}_end_events();
"""


def _no_table_events(name: str, table: str) -> str:
    return f"""
DROP TRIGGER {name}_events ON {table};
DROP TRIGGER {name}_change_events ON {table};
DROP TRIGGER {name}_end_events ON {table};
DROP FUNCTION {name}_events();
DROP FUNCTION {name}_change_events();
DROP FUNCTION {name}_end_events();
"""


ORDER = """jsonb_build_object('account', n.account_id, 'trade', n.trade_id, 'symbol', n.symbol, 'status', n.status,
        'filled_quantity', trim_scale(n.filled_quantity)::text, 'version', n.version)"""
TRADE = """jsonb_build_object('account', n.account_id, 'symbol', n.symbol, 'status', n.status, 'version', n.version)"""


class Migration(migrations.Migration):
    dependencies = [("trades", "0004_excursions"), ("accounts", "0004_events")]

    operations = [
        migrations.RunSQL(_table_events("order", "orders", ORDER), _no_table_events("order", "orders")),
        migrations.RunSQL(_table_events("trade", "trades", TRADE), _no_table_events("trade", "trades")),
    ]
