"""What a session signed, paid and got back."""
