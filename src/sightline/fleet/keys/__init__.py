"""Who somebody is, and what is for whose eyes: keys, seals, signatures and enrolment tokens."""
