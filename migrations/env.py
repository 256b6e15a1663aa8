"""Runs the migrations inside the transaction that `adapters/store/schema.py` has opened."""

from alembic import context

given = context.config.attributes
context.configure(connection=given["connection"], version_table=given["version_table"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
