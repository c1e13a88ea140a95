"""``sandbox populate``: a market with many participants and months of history, all of it real transactions.

``size.py`` what is asked for; ``people.py``, ``goods.py`` who takes part and what they own; ``prices.py`` how
prices drift; ``wishes.py`` the deals to come, ``book.py`` the orders around them; ``story.py`` lets it all
happen in order of time, ``tasks.py`` the life of each task; ``work.py`` sends it to a sandbox.
"""
