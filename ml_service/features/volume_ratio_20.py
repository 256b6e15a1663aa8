"""Volume ratio over 20 bars."""

from ml_service.features.volume_ratio import over

FEATURE = over(20)
