"""Oracle, with nothing but SELECT; the only place that talks to the driver."""
