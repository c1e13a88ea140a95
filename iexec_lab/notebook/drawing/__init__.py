"""How values are drawn in a notebook: frames, orders, jobs, results, progress."""
