"""Instances as processes of this machine (`runtime`)."""
