"""One module per noun: its commands as declarations, and the handlers behind them."""
