"""${message}."""

from alembic import op
import sqlalchemy as sa

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None

LOSES: tuple[str, ...] = ()
"""What going back throws away; the command line says so and asks."""


def upgrade() -> None:
    ${upgrades if upgrades else "raise AssertionError('write me')"}


def downgrade() -> None:
    ${downgrades if downgrades else "raise AssertionError('write me')"}
