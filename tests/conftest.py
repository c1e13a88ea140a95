from __future__ import annotations

from hypothesis import HealthCheck, settings

from iexec_lab.protocol.imports import keeping_recursion_limit

with keeping_recursion_limit():
    import eth_account  # noqa: F401 - tests import it later, when it does no harm any more

# No test measures the machine. Where CI is set, hypothesis and hence this profile leave nothing to chance.
settings.register_profile(
    "untimed",
    parent=settings.default,
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow],
)
# pytest --hypothesis-profile=long: for whoever changes a parser of what strangers send.
settings.register_profile("long", parent=settings.get_profile("untimed"), max_examples=10_000)
settings.load_profile("untimed")
