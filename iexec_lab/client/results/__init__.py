"""The results of tasks: downloaded, checked, opened, drawn."""
