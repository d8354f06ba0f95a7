"""Translations of the operator-facing messages: one ``.po`` file a language, as any gettext editor writes it.

``messages.pot`` is the template; copy it to ``<language>.po``, translate, and it is found. There is nothing to compile.
"""
