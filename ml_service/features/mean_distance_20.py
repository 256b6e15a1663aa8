"""Mean distance over 20 bars."""

from ml_service.features.mean_distance import over

FEATURE = over(20)
