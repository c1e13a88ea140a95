"""From a wish to a deal: orders are found, checked, chosen, signed and matched."""
