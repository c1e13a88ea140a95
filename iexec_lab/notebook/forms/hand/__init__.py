"""What the forms made by hand are made of."""
