from django.db import migrations

# A new price alone is no change of a position.
POSITIONS = """
CREATE FUNCTION position_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (user_id, subject, action, object_id, detail)
    SELECT c.user_id, 'position', 'created', n.symbol,
        jsonb_build_object('account', c.account_id, 'symbol', n.symbol, 'quantity', trim_scale(n.quantity)::text)
    FROM new_rows n JOIN broker_connections c ON c.id = n.connection_id;
    RETURN NULL;
END $$;
CREATE FUNCTION position_change_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (user_id, subject, action, object_id, detail)
    SELECT c.user_id, 'position', 'changed', n.symbol,
        jsonb_build_object('account', c.account_id, 'symbol', n.symbol, 'quantity', trim_scale(n.quantity)::text)
    FROM new_rows n JOIN old_rows o USING (id) JOIN broker_connections c ON c.id = n.connection_id
    WHERE (n.quantity, n.average_price) IS DISTINCT FROM (o.quantity, o.average_price);
    RETURN NULL;
END $$;
CREATE FUNCTION position_end_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (user_id, subject, action, object_id, detail)
    SELECT c.user_id, 'position', 'deleted', o.symbol,
        jsonb_build_object('account', c.account_id, 'symbol', o.symbol, 'quantity', '0')
    FROM old_rows o JOIN broker_connections c ON c.id = o.connection_id;
    RETURN NULL;
END $$;
CREATE TRIGGER position_events AFTER INSERT ON broker_positions
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION position_events();
CREATE TRIGGER position_change_events AFTER UPDATE ON broker_positions
    REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows FOR EACH STATEMENT
    EXECUTE FUNCTION position_change_events();
CREATE TRIGGER position_end_events AFTER DELETE ON broker_positions
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION position_end_events();
"""
NO_POSITIONS = """
DROP TRIGGER position_events ON broker_positions;
DROP TRIGGER position_change_events ON broker_positions;
DROP TRIGGER position_end_events ON broker_positions;
DROP FUNCTION position_events();
DROP FUNCTION position_change_events();
DROP FUNCTION position_end_events();
"""


class Migration(migrations.Migration):
    dependencies = [("brokers", "0002_bar_series"), ("accounts", "0004_events")]

    operations = [migrations.RunSQL(POSITIONS, NO_POSITIONS)]
