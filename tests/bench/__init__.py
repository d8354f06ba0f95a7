"""Every figure that the documentation states, measured against its reference in one run."""
