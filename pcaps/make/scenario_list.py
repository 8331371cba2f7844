"""All scenarios in the order of INDEX.md."""
import scenarios_starttls
import scenarios_tls
import scenarios_plain
import scenarios_broken
import scenarios_wire
import scenarios_names
from registry import SCENARIOS

__all__ = ["SCENARIOS"]
