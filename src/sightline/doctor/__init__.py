"""What this machine and its libraries have for Sightline, what is missing, and what to do about it.

`examine()` gathers facts and judges them. To judge is pure: facts in, findings out. To gather is thin: each
fact is asked for where it is known for certain, a decoder by looking it up, a port by taking it for a moment.
Nothing is written, and nothing is changed.
"""

from sightline.doctor.examining import examine
from sightline.doctor.finding import Finding, State

__all__ = ["Finding", "State", "examine"]
