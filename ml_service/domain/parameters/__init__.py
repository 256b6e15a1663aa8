"""The table of contents: a new parameter is one file here and one line below."""

from . import confidence, ma_crossover, macd, momentum, rsi, volume

PARAMETERS = {
    module.PARAMETER.name: module.PARAMETER for module in (confidence, rsi, macd, ma_crossover, volume, momentum)
}
