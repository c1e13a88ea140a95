"""The workerpool at work: from a deal on chain to a result on chain."""
