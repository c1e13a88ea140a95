"""The market's past: two sources, one schema, pages of columns."""
