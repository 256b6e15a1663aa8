"""Mean distance over 5 bars."""

from ml_service.features.mean_distance import over

FEATURE = over(5)
