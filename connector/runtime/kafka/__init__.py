"""Kafka, as the product uses it; the only place that talks to the client library."""
