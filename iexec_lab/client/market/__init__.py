"""The market as data: what everybody offered, did, paid and was paid."""
