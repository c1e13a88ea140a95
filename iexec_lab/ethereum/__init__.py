"""The chain: contracts, calls in batches, transactions, event logs."""
