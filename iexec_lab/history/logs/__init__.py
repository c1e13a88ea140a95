"""The past from the logs of a node."""
