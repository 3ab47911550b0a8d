"""The requirements of badges: criteria, the measures behind them, and when one is met."""
