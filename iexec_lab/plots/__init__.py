"""Pictures of the market's frames."""
