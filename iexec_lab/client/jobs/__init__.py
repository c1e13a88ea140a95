"""After the deal: tasks are looked at, waited for, and drawn."""
