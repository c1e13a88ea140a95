"""What goes on: lists that follow the market, their recordings, and watches."""
