"""Who signs: keystore files, keys in memory, wallets in a browser."""
