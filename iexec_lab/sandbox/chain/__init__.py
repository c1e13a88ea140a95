"""The Ethereum node of a sandbox: what it starts from, and how it forgets nothing."""
