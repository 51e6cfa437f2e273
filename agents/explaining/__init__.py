"""Explaining a subject to a person: decisions from the topic or a file, what Redis holds, and the page."""
