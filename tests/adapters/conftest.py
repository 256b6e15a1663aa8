"""What the tests of the adapters begin with."""

from tests.emptied import lasting_postgres_url as lasting_postgres_url
from tests.emptied import postgres_url as postgres_url
