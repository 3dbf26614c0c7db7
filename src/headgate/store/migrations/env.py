"""What Alembic runs for every command. The connection is `store.migrate`'s, and so is its transaction."""

from alembic import context

from headgate.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter a column in place; Alembic then copies the table.
    render_as_batch=True,
)
context.run_migrations()
