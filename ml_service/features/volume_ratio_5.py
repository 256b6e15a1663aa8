"""Volume ratio over 5 bars."""

from ml_service.features.volume_ratio import over

FEATURE = over(5)
