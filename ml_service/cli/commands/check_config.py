"""`check-config`: are the settings sound?"""

from ml_service.errors import Misconfigured
from ml_service.settings import check, load_settings


def check_config() -> None:
    """Check the settings: every mistake at once, and whether thresholds could ever move."""
    from ml_service.adapters.keys_file import read_keys

    settings = load_settings()
    seeded = read_keys(settings.security.api_keys_file)
    complaints = check(settings, len(seeded))
    if complaints:
        raise Misconfigured(complaints)
    for notice in settings.notices:
        print(f"note: {notice}")
    print(f"the settings are sound ({settings.environment}, hash {settings.hash})")
