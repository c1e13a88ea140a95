"""Pictures of the market's frames: static, drawn here, with the same figures as text.

Nothing is loaded to look at them: a picture is a PNG in the notebook itself, so it is there offline, in every
front end, and in a saved notebook that somebody reads on the web. Its exact figures are beside it as text,
which is all that a terminal shows, and all that there is without matplotlib.
"""

from iexec_lab.plots.balance import balance
from iexec_lab.plots.bars import deals, earnings, tasks
from iexec_lab.plots.depth import depth
from iexec_lab.plots.picture import Picture
from iexec_lab.plots.prices import prices
from iexec_lab.plots.timeline import timeline

__all__ = ["Picture", "balance", "deals", "depth", "earnings", "prices", "tasks", "timeline"]
