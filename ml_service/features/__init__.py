"""The shelf of market features: a new one is one file here and one line below.

Their order is that of the columns models are trained with. The gate's own parameters live in `domain/parameters`.
"""

from ml_service.features.spec import Feature

from . import (
    atr,
    bollinger_percent_b,
    book_imbalance_ten,
    book_imbalance_top,
    cci,
    depth_ratio,
    log_return,
    macd,
    mean_distance_5,
    mean_distance_20,
    microprice_deviation,
    momentum,
    range_20,
    roc,
    rsi,
    spread,
    stochastic_k,
    trade_flow,
    volatility_20,
    volume_balance_20,
    volume_ratio_5,
    volume_ratio_20,
    volume_share_5_60,
    volume_variation_20,
    williams_r,
)

PRICE = (log_return, mean_distance_5, mean_distance_20, volatility_20, range_20)
VOLUME = (volume_ratio_5, volume_ratio_20, volume_share_5_60, volume_variation_20, volume_balance_20)
BOOK = (spread, book_imbalance_top, book_imbalance_ten, depth_ratio, microprice_deviation, trade_flow)
TECHNICAL = (rsi, macd, bollinger_percent_b, stochastic_k, williams_r, cci, atr, momentum, roc)

FEATURES: dict[str, Feature] = {module.FEATURE.name: module.FEATURE for module in (*PRICE, *VOLUME, *BOOK, *TECHNICAL)}
