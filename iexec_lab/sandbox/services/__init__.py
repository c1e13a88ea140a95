"""The HTTP services of a sandbox, each as its real one answers."""
