"""After the deal: tasks are looked at, waited for, and their results fetched and checked."""
