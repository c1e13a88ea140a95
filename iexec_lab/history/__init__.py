"""The market's past: deals, tasks, events, transfers and orders, from a subgraph or from a node's logs."""
