"""`check-config`: are the settings sound?"""

from ml_service.errors import Misconfigured
from ml_service.settings import check, load_settings


def check_config() -> None:
    """Check the settings: every mistake at once, and whether thresholds could ever move."""
    from ml_service.adapters.keys_file import read_keys
    from ml_service.adapters.signing_key import load_signing_key

    settings = load_settings()
    if settings.security.signing_key is not None:
        load_signing_key(settings.data_dir, settings.security.signing_key)
    seeded = read_keys(settings.security.api_keys_file)
    complaints = check(settings, len(seeded))
    if complaints:
        raise Misconfigured(complaints)
    for notice in settings.notices:
        print(f"note: {notice}")
    print(f"the settings are sound ({settings.environment}, hash {settings.hash})")
