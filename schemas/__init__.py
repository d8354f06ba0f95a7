"""The contract between the parts: Avro schemas, their Python types, keys, and the codec.

Imports neither side. The schemas in ``avro/`` are what other languages read; ``records`` mirrors them field by field,
which a test checks. ``keys`` says how a record is addressed, ``codec`` how its value becomes bytes.
"""
