"""The market and the own dashboard as pages: a grid that shows what the kernel holds, one part at a time."""
